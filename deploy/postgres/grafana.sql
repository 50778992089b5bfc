-- Lets the role tillwatch_grafana read the views of casework, and nothing else. For the owner of the tables to run,
-- after each `tillwatch casework migrate`: psql --set ON_ERROR_STOP=1 -U tillwatch -d casework -f grafana.sql
DO $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT viewname FROM pg_views WHERE schemaname = current_schema() AND viewname LIKE 'view\_%'
    LOOP
        EXECUTE format('GRANT SELECT ON %I TO tillwatch_grafana', found.viewname);
    END LOOP;
END
$$;
