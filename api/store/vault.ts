import { z } from 'zod';
import type { VaultSession } from '../vault/session.ts';
import type { VaultRequest, VaultResponse, VaultTransport } from '../vault/transport.ts';
import { type Head, type Store, StoreFailure } from './store.ts';

/** What the store needs to reach its KV v2 mount. */
export interface VaultStoreOptions {
	readonly transport: VaultTransport;
	readonly session: VaultSession;
	/** Without slashes at its ends. */
	readonly mount: string;
	/** Told of every request: its kind and HTTP status. */
	readonly observe: (operation: string, status: number) => void;
}

const VERSION = z.object({ created_time: z.string(), deletion_time: z.string(), destroyed: z.boolean() });
/** Vault's answer to a read of metadata. */
export const METADATA = z.object({
	data: z.object({
		created_time: z.string(),
		current_version: z.number(),
		custom_metadata: z.record(z.string(), z.string()).nullish(),
		versions: z.record(z.string(), VERSION).nullish(),
	}),
});
/** Vault's answer to a list. */
export const KEYS = z.object({ data: z.object({ keys: z.array(z.string()) }) });
const FIELDS = z.object({ data: z.object({ data: z.record(z.string(), z.string()) }) });
const ERRORS = z.object({ errors: z.array(z.string()) });

/** A store in a KV v2 mount of Vault or OpenBao. Needs the rights of the shipped policy and no more. */
export function createVaultStore({ transport, session, mount, observe }: VaultStoreOptions): Store {
	const at = (part: 'data' | 'metadata', path: string): string =>
		`${mount}/${part}/${path.split('/').map(encodeURIComponent).join('/')}`;
	const ask = async (operation: string, request: VaultRequest): Promise<VaultResponse> => {
		const send = async (token: string): Promise<VaultResponse> => {
			const answer = await transport.send({ ...request, token });
			observe(operation, answer.status);
			return answer;
		};
		const token = await session.token();
		const answer = await send(token);
		if (answer.status !== 403) return answer;
		// The token may have ended, or been revoked, before its time.
		const next = await session.renewAfter(token);
		return next === undefined ? answer : send(next);
	};
	return {
		kind: 'vault',
		put: async (path, fields, expected) => {
			const body = { data: fields, options: { cas: expected } };
			const request = { method: 'POST', path: at('data', path), body } as const;
			const answer = await ask('put', request);
			if (answer.status === 200) return 'written';
			if (answer.status === 400 && errorsOf(answer).some((text) => text.includes('check-and-set')))
				return 'conflict';
			throw unexpected(request, answer, 'create", "update');
		},
		describe: async (path, patch) => {
			const body = { custom_metadata: patch };
			const request = { method: 'PATCH', path: at('metadata', path), body } as const;
			const answer = await ask('describe', request);
			if (answer.status === 204 || answer.status === 200) return true;
			if (answer.status === 404) return false;
			throw unexpected(request, answer, 'patch');
		},
		head: async (path) => {
			const request = { method: 'GET', path: at('metadata', path) } as const;
			const answer = await ask('head', request);
			if (answer.status === 404) return undefined;
			const parsed = METADATA.safeParse(answer.json);
			if (answer.status !== 200 || !parsed.success) throw unexpected(request, answer, 'read');
			return headOf(parsed.data.data);
		},
		list: async (folder) => {
			const request = { method: 'GET', path: `${at('metadata', folder)}/?list=true` } as const;
			const answer = await ask('list', request);
			if (answer.status === 404) return [];
			const parsed = KEYS.safeParse(answer.json);
			if (answer.status !== 200 || !parsed.success) throw unexpected(request, answer, 'list');
			return parsed.data.data.keys;
		},
		remove: async (path) => {
			const request = { method: 'DELETE', path: at('metadata', path) } as const;
			const answer = await ask('remove', request);
			if (answer.status !== 204 && answer.status !== 404) throw unexpected(request, answer, 'delete');
		},
		read: async (path) => {
			const request = { method: 'GET', path: at('data', path) } as const;
			const answer = await ask('read', request);
			if (answer.status === 404) return undefined;
			const parsed = FIELDS.safeParse(answer.json);
			if (answer.status !== 200 || !parsed.success) throw unexpected(request, answer, 'read');
			return parsed.data.data.data;
		},
		check: async () => {
			// Not sys/health: it exists outside namespaces only, and says nothing of our token.
			const answer = await ask('check', { method: 'GET', path: 'auth/token/lookup-self' });
			if (answer.status !== 200)
				throw new StoreFailure('refused', `Vault does not accept the API's token (HTTP ${answer.status})`);
		},
	};
}

function headOf(data: z.infer<typeof METADATA>['data']): Head {
	const version = data.current_version;
	const current = data.versions?.[String(version)];
	// A deletion may lie ahead (`delete_version_after`): until then the version lives.
	const deleted = current?.deletion_time ? new Date(current.deletion_time) <= new Date() : false;
	return {
		version,
		live: current !== undefined && !current.destroyed && !deleted,
		writtenAt: new Date(current?.created_time ?? 0),
		createdAt: new Date(data.created_time),
		metadata: data.custom_metadata ?? {},
	};
}

function errorsOf(answer: VaultResponse): readonly string[] {
	const parsed = ERRORS.safeParse(answer.json);
	return parsed.success ? parsed.data.errors : [];
}

/** Vault's own words are left out: no promise of ours can hold for what another program says. */
function unexpected(request: VaultRequest, answer: VaultResponse, capability: string): StoreFailure {
	const path = request.path.replace(/\?.*$/, '');
	if (answer.status === 403)
		return new StoreFailure(
			'refused',
			`Vault forbids it: the API's policy needs path "${path}" { capabilities = ["${capability}"] }`,
		);
	return new StoreFailure(
		'bad-answer',
		`Vault answered ${request.method} ${path} with HTTP ${answer.status}: check that the mount holds KV version 2`,
	);
}
