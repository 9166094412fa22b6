/** How one thing is. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip';

/** One thing that was looked at. */
export interface Check {
	/** A stable word for programs. */
	readonly id: string;
	readonly status: CheckStatus;
	/** What was found, in this very case. */
	readonly message: string;
	/** What to do; present where the status is `warn` or `fail`. */
	readonly cure?: string;
}

export const good = (id: string, message: string): Check => ({ id, status: 'ok', message });

export const warn = (id: string, message: string, cure: string): Check => ({
	id,
	status: 'warn',
	message,
	cure,
});

export const bad = (id: string, message: string, cure: string): Check => ({
	id,
	status: 'fail',
	message,
	cure,
});

/** Not looked at: `message` says why, and how it could be. */
export const skipped = (id: string, message: string): Check => ({ id, status: 'skip', message });

/** Text of a server, without what looks like a credential: a JWT, or a token of Vault or OpenBao. */
export function redacted(text: string): string {
	return text
		.replace(/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, '[token]')
		.replace(/\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}/g, '[token]');
}
