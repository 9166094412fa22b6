import { useEffect, useRef, useState } from 'preact/hooks';
import { type AuditEntry, type AuditFilter, auditCsv, shownEntries } from '../state/audit.ts';
import { gather, NOTHING } from '../state/pages.ts';
import { sentence } from '../state/texts.ts';
import type { Failure } from './client.ts';
import { useAuditPages } from './use-audit.ts';

/** Entries that a file is made of at most; the page holds them in memory. The command line has no bound. */
const CSV_BOUND = { entries: 50_000, requests: 60 };
/** Entries of one request. */
const PAGE = 1_000;

/** The making of a file with all entries of a filter. */
export interface CsvDownload {
	/** Entries that are read so far; undefined while no file is made. */
	readonly read: number | undefined;
	/** Why there is no file, or what it lacks; empty if there is nothing to say. */
	readonly note: string;
	readonly start: () => Promise<void>;
	readonly cancel: () => void;
}

/** Makes a file of all entries of a filter, page by page. */
export function useAuditCsv(filter: AuditFilter): CsvDownload {
	const readPage = useAuditPages();
	const [read, setRead] = useState<number>();
	const [note, setNote] = useState('');
	const running = useRef<AbortController>(undefined);
	useEffect(() => () => running.current?.abort(), []);
	const start = async (): Promise<void> => {
		const controller = new AbortController();
		const { signal } = controller;
		running.current = controller;
		setNote('');
		setRead(0);
		const now = Date.now();
		const all = await gather<AuditEntry, Failure>(
			(page) => readPage(filter, { now, limit: PAGE, page }, signal),
			NOTHING,
			CSV_BOUND,
			setRead,
		);
		if (signal.aborted) return;
		setRead(undefined);
		if (!all.ok) return setNote(sentence(all.failure.message));
		save(auditCsv(shownEntries(all.value.entries)));
		if (all.value.next !== undefined)
			setNote(
				`The file has the newest ${CSV_BOUND.entries.toLocaleString('en')} entries of this time. Choose a shorter time, or use “envtier audit --csv”, which has no bound.`,
			);
	};
	return {
		...{ read, note, start },
		cancel: () => {
			running.current?.abort();
			setRead(undefined);
		},
	};
}

/** Saves a text as a file. */
function save(text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type: 'text/csv' }));
	const link = document.createElement('a');
	link.href = url;
	link.download = 'envtier-audit.csv';
	link.click();
	URL.revokeObjectURL(url);
}
