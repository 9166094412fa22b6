import { randomUUID } from 'node:crypto';

/** An answer before it is HTTP. Statuses and bodies are those that OpenBao gives; test/vault compares them. */
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

/** Vault's envelope around whatever is given: `data`, `auth`, `warnings`, `lease_duration`. */
export function envelope(fields: object, status = 200): Reply {
	return { status, body: { request_id: randomUUID(), ...ENVELOPE, ...fields } };
}

/** 200 with `data`. */
export const ok = (data: object): Reply => envelope({ data });

/** 204: done, nothing to say. */
export const done: Reply = { status: 204 };

/** An error with its sentences. An empty list is Vault's way of saying "nothing there" with a 404. */
export function refuse(status: number, ...errors: string[]): Reply {
	return { status, body: { errors } };
}

/** 404 for what does not exist. */
export const absent: Reply = refuse(404);

/** The answer to a missing, unknown, expired or revoked token; says nothing about the path. */
export const badToken: Reply = refuse(403, 'permission denied');

/** Vault's way of writing one error that a backend or the access check gave. */
export function refuseOne(status: number, error: string): Reply {
	return refuse(status, `1 error occurred:\n\t* ${error}\n\n`);
}

/** The answer to a valid token whose policies do not allow the request. */
export const forbidden: Reply = refuseOne(403, 'permission denied');

/** The answer to a path that exists, but not for this kind of request. */
export const unsupported: Reply = refuseOne(405, 'unsupported operation');
