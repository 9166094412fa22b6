import { randomUUID } from 'node:crypto';

/**
 * A response before it is encoded as HTTP. Status and body are those of OpenBao; test/vault compares them.
 */
export interface Reply {
	readonly status: number;
	/** JSON; without it the body is empty. */
	readonly body?: object;
	readonly headers?: Readonly<Record<string, string>>;
}

const ENVELOPE = {
	lease_id: '',
	renewable: false,
	lease_duration: 0,
	data: null,
	wrap_info: null,
	warnings: null,
	auth: null,
};

/** Vault's response envelope around these fields: `data`, `auth`, `warnings`, `lease_duration`. */
export function envelope(fields: object, status = 200): Reply {
	return { status, body: { request_id: randomUUID(), ...ENVELOPE, ...fields } };
}

/** 200 with `data`. */
export const ok = (data: object): Reply => envelope({ data });

/** 204 No Content. */
export const done: Reply = { status: 204 };

/** An error response. Vault sends an empty list of errors with a 404 for a path that does not exist. */
export function refuse(status: number, ...errors: string[]): Reply {
	return { status, body: { errors } };
}

/** 404 without errors: the path does not exist. */
export const absent: Reply = refuse(404);

/** The response to a missing, unknown, expired or revoked token. It does not depend on the path. */
export const badToken: Reply = refuse(403, 'permission denied');

/** One error, in the format of errors of engines and of the policy check. */
export function refuseOne(status: number, error: string): Reply {
	return refuse(status, `1 error occurred:\n\t* ${error}\n\n`);
}

/** The response when the policies of a valid token do not allow the request. */
export const forbidden: Reply = refuseOne(403, 'permission denied');

/** The response when a path exists but does not support this method. */
export const unsupported: Reply = refuseOne(405, 'unsupported operation');
