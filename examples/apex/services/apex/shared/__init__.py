"""What every service needs: settings, stores, errors, logs, health."""
