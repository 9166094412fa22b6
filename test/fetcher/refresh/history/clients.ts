import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

/** Clients of a database that read the URL from the files for each connection. */
export interface Clients {
	/** Closes all connections. Returns how many there were, and what went wrong. */
	stop(): Promise<{ readonly connections: number; readonly problems: readonly string[] }>;
}

/**
 * Starts two clients: one connects anew for each query, and one keeps its connection for a while, as a pool
 * does.
 *
 * @param everyMs between two queries of the first one
 * @param keptMs how long the second one keeps a connection
 */
export function startClients(url: () => string, everyMs: number, keptMs: number): Clients {
	let [running, connections] = [true, 0];
	const problems: string[] = [];
	const during = async (work: (client: pg.Client) => Promise<unknown>): Promise<void> => {
		const client = new pg.Client({ connectionString: url(), connectionTimeoutMillis: 20_000 });
		client.on('error', (error) => problems.push(`broken: ${error}`));
		connections += 1;
		try {
			await client.connect();
			await work(client);
		} finally {
			await client.end();
		}
	};
	const connect = (work: (client: pg.Client) => Promise<unknown>): Promise<unknown> =>
		during(work).catch((thrown: unknown) => problems.push(`${new Date().toISOString()} ${thrown}`));
	const query = (client: pg.Client) => client.query('SELECT current_user');
	const loops = [
		(async () => {
			for (; running; await sleep(everyMs)) await connect(query);
		})(),
		(async () => {
			while (running)
				await connect(async (client) => {
					for (const until = Date.now() + keptMs; running && Date.now() < until; await sleep(200))
						await query(client);
				});
		})(),
	];
	return {
		stop: async () => {
			running = false;
			await Promise.all(loops);
			return { connections, problems };
		},
	};
}
