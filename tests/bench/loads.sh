# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash
# shellcheck disable=SC2154 # of lab.sh
#
# Loads of tests/bench/overhead: NAME_start, NAME_run (prints a rate, more is better; LOAD_SECONDS long or a little
# more), NAME_stop. After lab.sh. Their files are in $lab_dir; they listen on 127.0.0.1 and on ports of their own.

LOAD_SECONDS=${LOAD_SECONDS:-3}
# shellcheck disable=SC2034 # for those who source it
loads=(nginx memcached mariadb postgres compile cpu)

NGINX_PORT=48080 MEMCACHED_PORT=48211 MARIADB_PORT=48306 POSTGRES_PORT=48432
# Where a load has a server: over TCP, which is what a service is to an observer.
# shellcheck disable=SC2034 # likewise
declare -A load_ports=([nginx]=$NGINX_PORT [memcached]=$MEMCACHED_PORT [mariadb]=$MARIADB_PORT [postgres]=$POSTGRES_PORT)

port_open()
{
	(exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null
}

# Answers of 13 bytes from one worker.
nginx_start()
{
	mkdir -p "$lab_dir/nginx"
	cat >"$lab_dir/nginx/conf" <<-CONF
		daemon off; master_process off; worker_processes 1; pid $lab_dir/nginx/pid; error_log $lab_dir/nginx/error;
		events { worker_connections 256; }
		http {
			access_log off; client_body_temp_path $lab_dir/nginx; proxy_temp_path $lab_dir/nginx;
			fastcgi_temp_path $lab_dir/nginx; uwsgi_temp_path $lab_dir/nginx; scgi_temp_path $lab_dir/nginx;
			keepalive_requests 1000000000;
			server { listen 127.0.0.1:$NGINX_PORT; location / { return 200 "Hello, world!"; } }
		}
	CONF
	lab_spawn nginx -c "$lab_dir/nginx/conf"
	load_server=$lab_pid
	lab_await 10 port_open "$NGINX_PORT" || lab_die "nginx does not listen"
}

nginx_run()
{
	wrk -t 1 -c 32 -d "$LOAD_SECONDS" "http://127.0.0.1:$NGINX_PORT/" | awk '/^Requests\/sec:/ { print $2; found = 1 } END { exit !found }'
}

nginx_stop()
{
	lab_kill "$load_server"
}

memcached_start()
{
	lab_spawn memcached -u root -l 127.0.0.1 -p "$MEMCACHED_PORT" -U 0 -t 1 -m 64
	load_server=$lab_pid
	lab_await 10 port_open "$MEMCACHED_PORT" || lab_die "memcached does not listen"
}

# Gets by eight threads, a fixed number of them: some seconds.
memcached_run()
{
	memcslap --servers="127.0.0.1:$MEMCACHED_PORT" --concurrency=8 --test=get --execute-number=$((LOAD_SECONDS * 6000)) |
		awk -v n=$((LOAD_SECONDS * 48000)) '/^Time to get / { t = $(NF - 1) } END { if (t <= 0) exit 1; print n / t }'
}

memcached_stop()
{
	lab_kill "$load_server"
}

sysbench_oltp()
{
	sysbench oltp_read_only --mysql-host=127.0.0.1 --mysql-port="$MARIADB_PORT" --mysql-user=root --mysql-db=bench \
		--tables=1 --table-size=10000 --threads=4 --time="$LOAD_SECONDS" "$@"
}

mariadb_start()
{
	local data=$lab_dir/mariadb

	mkdir -p "$data"
	chown mysql "$data"
	mariadb-install-db --no-defaults --user=mysql --datadir="$data/data" --auth-root-authentication-method=normal >/dev/null 2>&1
	lab_spawn mariadbd --no-defaults --user=mysql --datadir="$data/data" --socket="$data/socket" --pid-file="$data/pid" \
		--port="$MARIADB_PORT" --bind-address=127.0.0.1 2>"$data/log"
	load_server=$lab_pid
	lab_await 30 mariadb-admin --no-defaults --socket="$data/socket" -u root ping >/dev/null 2>&1 || lab_die "MariaDB does not answer"
	mariadb-admin --no-defaults --socket="$data/socket" -u root create bench
	sysbench_oltp prepare >/dev/null
}

mariadb_run()
{
	sysbench_oltp run | sed -nE 's/.*transactions: .*\(([0-9.]+) per sec.*/\1/p' | grep .
}

mariadb_stop()
{
	lab_kill "$load_server"
}

postgres_as()
{
	(cd / && setpriv --reuid postgres --regid postgres --clear-groups -- "$@")
}

postgres_start()
{
	local data=$lab_dir/postgres bin

	bin=$(echo /usr/lib/postgresql/*/bin)
	mkdir -p "$data"
	chown postgres "$data"
	postgres_as "$bin/initdb" -D "$data/data" >/dev/null
	# It leaves the process group of its parent alone, and ends with it.
	lab_spawn setpriv --reuid postgres --regid postgres --clear-groups --pdeathsig TERM -- "$bin/postgres" -D "$data/data" \
		-k "$data" -c listen_addresses=127.0.0.1 -p "$POSTGRES_PORT" 2>"$data/log"
	load_server=$lab_pid
	lab_await 30 postgres_as "$bin/pg_isready" -q -h "$data" -p "$POSTGRES_PORT" || lab_die "PostgreSQL does not answer"
	postgres_as "$bin/pgbench" -q -i -s 10 -h "$data" -p "$POSTGRES_PORT" postgres >/dev/null 2>&1
}

postgres_run()
{
	postgres_as "$(echo /usr/lib/postgresql/*/bin)/pgbench" -n -S -c 4 -T "$LOAD_SECONDS" -h 127.0.0.1 -p "$POSTGRES_PORT" postgres 2>/dev/null |
		sed -nE 's/^tps = ([0-9.]+).*/\1/p' | grep .
}

postgres_stop()
{
	lab_kill "$load_server"
}

# The same C file again and again, two at a time; files a second.
compile_start()
{
	mkdir -p "$lab_dir/compile"
	{
		echo '#include <stdio.h>'
		for i in $(seq 400); do
			echo "int f$i(int x) { for (int i = 0; i < x; i++) x ^= i * $i; printf(\"%d\", x); return x; }"
		done
	} >"$lab_dir/compile/a.c"
}

compile_run()
{
	local began ended n=$((LOAD_SECONDS * 8))

	began=$(date +%s%N)
	seq "$n" | xargs -P 2 -I % gcc -O1 -c -o "$lab_dir/compile/%.o" "$lab_dir/compile/a.c" || return
	ended=$(date +%s%N)
	awk -v n="$n" -v ns=$((ended - began)) 'BEGIN { print n / (ns / 1e9) }'
}

compile_stop()
{
	rm -rf "$lab_dir/compile"
}

cpu_start()
{
	:
}

cpu_run()
{
	sysbench cpu --threads=2 --time="$LOAD_SECONDS" run | sed -nE 's/.*events per second: *([0-9.]+).*/\1/p' | grep .
}

cpu_stop()
{
	:
}
