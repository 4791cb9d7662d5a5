DROP TABLE scores;
DROP TABLE predictions;
DROP TABLE models;
DROP TABLE quarantine;
DROP TABLE imports;
DROP FUNCTION refuse_change();
