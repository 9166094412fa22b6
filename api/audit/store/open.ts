import type { Logger } from 'pino';
import type { AuditStoreSettings } from './address.ts';
import { openPostgres } from './postgres.ts';
import { type AuditDatabase, createMaintenance, createSqlStore } from './sql-store.ts';
import { openSqlite } from './sqlite.ts';
import type { AuditMaintenance, AuditStore } from './store.ts';

/**
 * Opens the audit store of the settings; undefined if there is none. The tables of SQLite are created here.
 * Those of PostgreSQL need their owner: `openMaintenance`. Throws if the SQLite file cannot be opened.
 */
export async function openAuditStore(settings: AuditStoreSettings): Promise<AuditStore | undefined> {
	if (settings.kind === 'none') return undefined;
	if (settings.kind === 'postgres') return createSqlStore(openPostgres(settings.postgres));
	const owner = createMaintenance(databaseOf(settings));
	await owner.migrate(undefined).finally(owner.close);
	return createSqlStore(openSqlite(settings.file));
}

/** Opens what only the owner of the tables may do; undefined if there is no store. */
export function openMaintenance(settings: AuditStoreSettings): AuditMaintenance | undefined {
	if (settings.kind === 'none') return undefined;
	return createMaintenance(databaseOf(settings));
}

function databaseOf(settings: Exclude<AuditStoreSettings, { kind: 'none' }>): AuditDatabase {
	// A migration or a purge of a large table takes longer than any call.
	if (settings.kind === 'postgres') return openPostgres(settings.postgres, 0);
	return openSqlite(settings.file, { statementTimeout: undefined });
}

const DAY = 86_400_000;

/**
 * Purges a SQLite file now and once a day, because no other program can share its volume. PostgreSQL is
 * purged by a Job, with rights that the API does not have.
 *
 * @param retention days that lines are kept
 * @returns stops it
 */
export function purgeDaily(settings: AuditStoreSettings, retention: number, log: Logger): () => void {
	if (settings.kind !== 'sqlite') return () => undefined;
	const purge = async (): Promise<void> => {
		const maintenance = createMaintenance(openSqlite(settings.file));
		try {
			const purged = await maintenance.purge(new Date(Date.now() - retention * DAY));
			if (purged > 0) log.info({ purged }, 'old audit lines were purged');
		} catch (thrown) {
			log.error({ problem: thrown instanceof Error ? thrown.name : 'unknown' }, 'the purge failed');
		} finally {
			await maintenance.close();
		}
	};
	const timer = setInterval(() => void purge(), DAY).unref();
	void purge();
	return () => clearInterval(timer);
}
