import { readFile } from 'node:fs/promises';

/** The API server's audit policy: everything about pods with the bodies that were sent, nothing else. */
export const AUDIT_POLICY = {
	apiVersion: 'audit.k8s.io/v1',
	kind: 'Policy',
	omitStages: ['RequestReceived'],
	rules: [
		{ level: 'Request', resources: [{ group: '', resources: ['pods'] }] },
		// Among others TokenRequest: its answers are credentials.
		{ level: 'None' },
	],
} as const;

/** One line of the API server's audit log, as far as tests look at it (audit.k8s.io/v1 Event). */
export interface AuditEvent {
	readonly auditID: string;
	readonly stage: string;
	readonly verb: string;
	readonly requestURI: string;
	readonly objectRef?: { readonly namespace?: string; readonly name?: string; readonly subresource?: string };
	readonly responseStatus?: { readonly code?: number; readonly message?: string };
	readonly requestObject?: unknown;
	/** Those of admission webhooks carry the webhook's name as prefix: `inject.envtier.dev/…`. */
	readonly annotations?: Readonly<Record<string, string>>;
}

/** Reads the events that the log holds by now; the last line may still be under way and is then left out. */
export async function readAuditLog(file: string): Promise<readonly AuditEvent[]> {
	const text = await readFile(file, 'utf8');
	const complete = text.slice(0, text.lastIndexOf('\n') + 1);
	return complete
		.split('\n')
		.filter((line) => line !== '')
		.map((line) => JSON.parse(line) as AuditEvent);
}
