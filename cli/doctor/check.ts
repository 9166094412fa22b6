/** The result of a check. */
export type CheckStatus = 'ok' | 'warn' | 'fail' | 'skip';

/** One check and its result. */
export interface Check {
	/** A stable identifier, for programs. */
	readonly id: string;
	readonly status: CheckStatus;
	/** The finding in this case. */
	readonly message: string;
	/** The remedy; present when the status is `warn` or `fail`. */
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

/** A check that was not made: `message` says why, and how to make it. */
export const skipped = (id: string, message: string): Check => ({ id, status: 'skip', message });

/**
 * The text of a server without anything that looks like a credential: a JWT, or a token of Vault or OpenBao.
 */
export function redacted(text: string): string {
	return text
		.replace(/\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g, '[token]')
		.replace(/\b(?:hv[sbr]|[sbr])\.[A-Za-z0-9_-]{20,}/g, '[token]');
}
