import { expect } from 'vitest';

/** An RFC 3339 time. */
export const TIME: unknown = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);

/** Text that is not empty and differs on every run. */
export const RANDOM: unknown = expect.stringMatching(/./);

/** The whole of Vault's envelope, nothing more and nothing less, around what is given. */
export function enveloped(fields: object): object {
	return {
		...{ request_id: RANDOM, lease_id: '', renewable: false, lease_duration: 0 },
		...{ data: null, wrap_info: null, warnings: null, auth: null },
		...fields,
	};
}

/** What comes with one version of a KV v2 secret. */
export function versionOf(version: number, fields: object = {}): object {
	return {
		...{ created_time: TIME, custom_metadata: null, deletion_time: '', destroyed: false, version },
		...fields,
	};
}

/** The answer to what does not exist. */
export const NOTHING_THERE = { status: 404, json: { errors: [] } };

/** The answer to a token that is missing, unknown or over. */
export const NO_TOKEN = { status: 403, json: { errors: ['permission denied'] } };

/** The answer to a token that is not allowed to do this. */
export const FORBIDDEN = { status: 403, json: { errors: ['1 error occurred:\n\t* permission denied\n\n'] } };

/** The answer to a request that the path does not know. */
export const UNSUPPORTED = {
	status: 405,
	json: { errors: ['1 error occurred:\n\t* unsupported operation\n\n'] },
};
