import { join } from 'node:path';
import { type AuditStoreSettings, parseAuditStore } from '../../../api/audit/store/address.ts';
import { openAuditStore, openMaintenance } from '../../../api/audit/store/open.ts';
import type { AuditMaintenance, AuditStore } from '../../../api/audit/store/store.ts';
import { type Postgres, startPostgres } from '../../support/postgres.ts';
import { scratch } from '../../support/scratch.ts';

/** A database for audit lines, with its tables. */
export interface AuditDatabaseUnderTest extends AsyncDisposable {
	/** The value of `ENVTIER_API_AUDIT_STORE` for the API: on PostgreSQL a role that may insert and select. */
	readonly address: string;
	/** The address of the tables' owner. */
	readonly ownerAddress: string;
	/** Opens the store as the API does. */
	open(): Promise<AuditStore>;
	/** Opens it as the owner does. */
	maintain(): AuditMaintenance;
	readonly postgres: Postgres | undefined;
}

/** The settings of an address. */
export function settingsOf(address: string): AuditStoreSettings {
	const parsed = parseAuditStore(address);
	if (!parsed.ok) throw new Error(parsed.error);
	return parsed.value;
}

async function opened(address: string): Promise<AuditStore> {
	const store = await openAuditStore(settingsOf(address));
	if (store === undefined) throw new Error('no store');
	return store;
}

function maintained(address: string): AuditMaintenance {
	const maintenance = openMaintenance(settingsOf(address));
	if (maintenance === undefined) throw new Error('no store');
	return maintenance;
}

async function onSqlite(): Promise<AuditDatabaseUnderTest> {
	const place = await scratch('audit');
	const address = `sqlite:${join(place.dir, 'audit.db')}`;
	return {
		address,
		ownerAddress: address,
		open: () => opened(address),
		maintain: () => maintained(address),
		postgres: undefined,
		[Symbol.asyncDispose]: () => place.remove(),
	};
}

/** A real PostgreSQL with the tables, and a role that may insert and select. */
export async function startAuditPostgres(): Promise<AuditDatabaseUnderTest> {
	const postgres = await startPostgres();
	await postgres.sql("create role audit_owner login password 'owner'");
	await postgres.sql("create role envtier_api login password 'run-time'");
	await postgres.sql('create database audit owner audit_owner');
	const ownerAddress = postgres.url('audit_owner', 'owner', 'audit');
	const address = postgres.url('envtier_api', 'run-time', 'audit');
	const owner = maintained(ownerAddress);
	await owner.migrate('envtier_api');
	await owner.close();
	return {
		address,
		ownerAddress,
		open: () => opened(address),
		maintain: () => maintained(ownerAddress),
		postgres,
		[Symbol.asyncDispose]: () => postgres[Symbol.asyncDispose](),
	};
}

/** Each database: the same tests run on both. */
export const AUDIT_DATABASES: Readonly<Record<string, () => Promise<AuditDatabaseUnderTest>>> = {
	sqlite: onSqlite,
	'postgres (a real one, a role that may insert and select)': startAuditPostgres,
};
