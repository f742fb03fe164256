-- Which instance works on a run: when it is gone, the run is over.
ALTER TABLE runs ADD COLUMN instance text NOT NULL DEFAULT '';
CREATE INDEX runs_under_way ON runs (instance) WHERE status = 'running';
