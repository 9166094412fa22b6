import type { Settings } from '../../settings/settings.ts';
import { openMaintenance } from './open.ts';

/** A task of the owner of the tables. */
export type AuditTask =
	/** Creates or updates the tables; lets a role of PostgreSQL insert and select. */
	| { readonly kind: 'migrate'; readonly grantTo: string | undefined }
	/** Deletes lines that are older than the retention. */
	| { readonly kind: 'purge' }
	/** Deletes the e-mail addresses of a subject. */
	| { readonly kind: 'erase'; readonly subject: string };

const DAY = 86_400_000;

/** Runs a task and returns what it did, for the log. Rejects with the error of the database. */
export async function runAuditTask(
	task: AuditTask,
	{ auditStore, auditRetention }: Pick<Settings, 'auditStore' | 'auditRetention'>,
	now: Date,
): Promise<string> {
	const maintenance = openMaintenance(auditStore);
	if (maintenance === undefined) throw new Error('ENVTIER_API_AUDIT_STORE is not set');
	try {
		if (task.kind === 'migrate') {
			await maintenance.migrate(task.grantTo);
			return 'the tables of the audit store are up to date';
		}
		if (task.kind === 'purge')
			return `${await maintenance.purge(new Date(now.getTime() - auditRetention * DAY))} lines were purged`;
		return `${await maintenance.eraseEmails(task.subject)} e-mail addresses were erased`;
	} finally {
		await maintenance.close();
	}
}
