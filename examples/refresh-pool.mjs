// A program with a pool of connections to PostgreSQL, whose database user changes while it runs: see
// refresh-statefulset.yaml and docs/refreshing.md, "Connection pools". It needs the package "pg".
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import process from 'node:process';
import pg from 'pg';

/** Opens a pool for the user that the file holds now. */
function open() {
	const pool = new pg.Pool({
		connectionString: JSON.parse(readFileSync('/secrets/env.json', 'utf8')).DATABASE_URL,
		max: 3,
		// A quarter of the time to live of a user (default_ttl): 15 minutes of 1 hour.
		maxLifetimeSeconds: Number(process.env.MAX_LIFETIME_SECONDS ?? 900),
	});
	// An idle connection may break at any time; the pool replaces it.
	pool.on('error', (error) => process.stderr.write(`idle connection: ${error.message}\n`));
	return pool;
}

let pool = open();

/** The sidecar sends a POST after each change. Queries of the old pool go on to their end. */
const server = createServer((request, response) => {
	request.resume();
	const old = pool;
	pool = open();
	old.end().catch((error) => process.stderr.write(`end of the pool: ${error.message}\n`));
	response.end();
}).listen(8080, '127.0.0.1');

/** What it does with the database. */
const work = setInterval(async () => {
	try {
		const { rows } = await pool.query('SELECT current_user AS name');
		process.stdout.write(`query as ${rows[0].name}\n`);
	} catch (error) {
		process.stdout.write(`query failed: ${error.message}\n`);
	}
}, 1000);

process.on('SIGTERM', async () => {
	clearInterval(work);
	server.close();
	await pool.end();
});
