import { useState } from 'preact/hooks';
import { type AuditEntry, type AuditFilter, auditPath } from '../state/audit.ts';
import type { Answer } from './client.ts';
import { useCall } from './context.ts';
import { type Pages, useParts } from './pages.ts';

/** Entries of one part of the view, the line before each call included. */
const STEP = { entries: 500, requests: 1 };

interface Page {
	readonly entries: readonly AuditEntry[];
	readonly next?: string;
}

/** A function that reads pages of the audit, the newest entries first. */
export function useAuditPages(): (
	filter: AuditFilter,
	at: { readonly now: number; readonly limit: number; readonly page: string },
	signal: AbortSignal,
) => Promise<Answer<readonly AuditEntry[]>> {
	const send = useCall();
	return async (filter, { now, limit, page }, signal) => {
		const answer = await send<Page>('GET', auditPath(filter, now, { limit, page }), { signal });
		return answer.ok ? { ok: true, value: answer.value.entries, next: answer.value.next } : answer;
	};
}

/** Loads the newest entries of the audit, and older ones on demand. */
export function useAudit(filter: AuditFilter): Pages<AuditEntry> {
	const read = useAuditPages();
	// The time of the first render: another one in each would load again and again.
	const [now] = useState(() => Date.now());
	return useParts<AuditEntry>(auditPath(filter, now), STEP, (page, signal) =>
		read(filter, { now, limit: STEP.entries, page }, signal),
	);
}
