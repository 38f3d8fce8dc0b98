-- The image runs this once, while the database's volume is still empty. The owner migrates; the application may do what
-- the migrations grant, which is never to write the ledger by hand.
\set ON_ERROR_STOP on
\getenv owner_password PREPAY_OWNER_PASSWORD
\getenv app_password PREPAY_APP_PASSWORD
CREATE ROLE prepay_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE prepay_app LOGIN PASSWORD :'app_password';
CREATE DATABASE prepay OWNER prepay_owner;
REVOKE ALL ON DATABASE prepay FROM PUBLIC;
GRANT CONNECT ON DATABASE prepay TO prepay_app;
