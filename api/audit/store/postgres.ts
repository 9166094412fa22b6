import { Kysely, PostgresDialect } from 'kysely';
import pg from 'pg';
import type { AuditTables } from './schema.ts';
import type { AuditDatabase } from './sql-store.ts';

/** How to reach a PostgreSQL. */
export interface PostgresSettings {
	/** A host name, an address, or the directory of a Unix socket. */
	readonly host: string;
	readonly port: number;
	readonly database: string;
	readonly user: string;
	readonly password: string | undefined;
	/** PEM text; undefined: the system's roots. Not used without TLS. */
	readonly ca: string | undefined;
	/** False for a loopback address or a Unix socket only. */
	readonly tls: boolean;
}

/** Connections of one replica. */
const CONNECTIONS = 4;
/** Timeouts in ms: of a statement at the server, of an answer, of a new connection, of an idle connection. */
const TIMEOUTS = { statement: 5_000, answer: 7_000, connect: 3_000, idle: 30_000 };

/**
 * Opens a PostgreSQL. Connects when it is first used.
 *
 * @param statement the longest time of one statement, in ms; 0 for no limit
 */
export function openPostgres(settings: PostgresSettings, statement = TIMEOUTS.statement): AuditDatabase {
	const { tls, ca, password, ...where } = settings;
	const pool = new pg.Pool({
		...where,
		...(password === undefined ? {} : { password }),
		ssl: tls ? { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) } : false,
		max: CONNECTIONS,
		application_name: 'envtier-api',
		connectionTimeoutMillis: TIMEOUTS.connect,
		idleTimeoutMillis: TIMEOUTS.idle,
		...(statement === 0
			? {}
			: { statement_timeout: statement, query_timeout: TIMEOUTS.answer, lock_timeout: statement }),
		// A connection whose client stopped in a transaction must not hold locks.
		idle_in_transaction_session_timeout: 10_000,
	});
	// A connection that breaks is replaced, and its query rejects. Without these listeners the process would
	// end: the first is for idle connections, the second for one between two statements of a transaction.
	pool.on('error', () => undefined);
	pool.on('connect', (client) => void client.on('error', () => undefined));
	const db = new Kysely<AuditTables>({ dialect: new PostgresDialect({ pool }) });
	return {
		write: db,
		read: db,
		text: 'text collate "C"',
		roles: true,
		isDataError,
		close: () => db.destroy(),
	};
}

/** SQLSTATE classes 22 (data exception) and 23 (integrity constraint violation). */
function isDataError(thrown: unknown): boolean {
	return thrown instanceof pg.DatabaseError && /^2[23]/.test(thrown.code ?? '');
}
