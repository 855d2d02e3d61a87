#!/usr/bin/env bash
# The session that docs/terminal.svg shows. To record it again, see CONTRIBUTING.md.
set -u
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1

say() {
    printf '\033[1;32m$\033[0m '
    for ((place = 0; place < ${#1}; place++)); do
        printf '%s' "${1:place:1}"
        sleep 0.02
    done
    printf '\n'
}

run() {
    say "$1"
    eval "$1"
    sleep 1.2
}

run 'memsql init -q'
run 'memsql migrate.create team -q'
run 'echo "CREATE TABLE team (id INTEGER PRIMARY KEY, name TEXT, motto TEXT);" >> migrations/0001_team.sql'
run 'echo "DROP TABLE team;" >> migrations/0001_team.rollback.sql'
run 'memsql migrate.sum -q; memsql migrate.up'
sqlite3 memory.db "INSERT INTO team (name, motto) VALUES ('red', 'go'), ('blue', 'wait')"
sleep 1.5
clear
run 'memsql migrate.create drop_motto -q'
run 'echo "ALTER TABLE team DROP COLUMN motto;" >> migrations/0002_drop_motto.sql'
run 'memsql migrate.sum -q; memsql migrate.up'
sleep 3
clear
run "sed -i '1a -- allow: data-loss team.motto nobody reads it' migrations/0002_drop_motto.sql"
run 'memsql migrate.sum -q; memsql migrate.up'
run 'memsql verify'
sleep 3
