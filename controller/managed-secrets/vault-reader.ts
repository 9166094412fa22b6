import { err, ok, type Result } from '../../contract/result.ts';
import type { Selection } from '../../contract/selection.ts';
import { takes } from '../../contract/selection.ts';
import { TIERS, type TierNames, tierPath } from '../../contract/tiers.ts';
import { deadlineAfter } from '../../fetcher/deadline.ts';
import { Failure } from '../../fetcher/failure.ts';
import { folderOf, type Kv, listRule, readRule } from '../../fetcher/kv.ts';
import { explainRefusal } from '../../fetcher/login-refusal.ts';
import { mergeNames } from '../../fetcher/merge.ts';
import { roleCommand } from '../../fetcher/role-command.ts';
import { select } from '../../fetcher/select.ts';
import { enumerate } from '../../fetcher/text.ts';
import { listTiers, readSecrets, type Secret } from '../../fetcher/tiers.ts';
import { tokenClaimsOf } from '../../fetcher/token-claims.ts';
import { openVault, type Vault } from '../../fetcher/vault.ts';
import { openTransport } from '../../lib/vault/transport.ts';
import type { VaultEndpoint } from '../../lib/vault/types.ts';
import { isDataKey } from './names.ts';
import type { SyncFailure } from './outcome.ts';

/** Where the secrets of pods are in Vault. */
export interface ReaderSettings {
	readonly endpoint: VaultEndpoint;
	readonly authMount: string;
	readonly kv: Kv;
}

/** What to read, and as whom. */
export interface ReadRequest {
	/** A token of a service account for Vault. */
	readonly jwt: string;
	readonly role: string;
	readonly tierNames: TierNames;
	readonly selection: Selection;
}

/** Reads secrets of tiers as a service account, by the fetcher's own code. */
export interface VaultReader {
	/** The names of the keys that the Secret would have. Reads no value. */
	names(request: ReadRequest): Promise<Result<readonly string[], SyncFailure>>;
	/** Keys of the Secret and their values. */
	values(request: ReadRequest): Promise<Result<ReadonlyMap<string, string>, SyncFailure>>;
	/** Closes the connections. */
	close(): void;
}

/** Milliseconds for all requests of one look. */
const DEADLINE = 15_000;
/** Milliseconds for the end of the token. It ends by itself soon after. */
const REVOCATION = 2_000;

/** Opens a reader. It connects at the first request. */
export function openVaultReader({ endpoint, authMount, kv }: ReaderSettings): VaultReader {
	const { address, namespace, timeout } = endpoint;
	const transport = openTransport(endpoint);
	const open = (): Vault =>
		openVault({
			...{ address, namespace, deadline: deadlineAfter(DEADLINE) },
			// The controller repeats the whole look later, with growing pauses.
			retry: (attempt) => attempt(timeout),
			transport: {
				send: async ({ method, path, headers, body }) => {
					const sent = await transport.exchange({
						method: method as 'GET' | 'POST',
						target: path,
						headers,
						body,
					});
					if (!sent.ok) throw new Failure('unreachable', `Vault at ${address} ${sent.error.message}`);
					const { status, headers: answered, body: bytes } = sent.value;
					const header = (name: string): string | undefined => {
						const value = answered[name];
						return Array.isArray(value) ? value.join(', ') : value;
					};
					return { status, header, body: bytes };
				},
				protocol: () => 'http/1.1',
				disconnect: () => undefined,
			},
		});

	/** Runs `work` with a client that has logged in, and ends its token. */
	const within = async <T>(
		request: ReadRequest,
		work: (vault: Vault) => Promise<Result<T, SyncFailure>>,
	): Promise<Result<T, SyncFailure>> => {
		const vault = open();
		try {
			const { role, jwt } = request;
			const login = await vault.login(authMount, role, jwt);
			if (login.kind === 'refused') {
				const { status, errors } = login;
				const claims = tokenClaimsOf(jwt);
				const wanted = wantedOf(request, kv);
				const refused = { status, errors, mount: authMount, role, namespace, claims, wanted };
				const command = roleCommand({ ...refused, type: 'kubernetes' }, wanted);
				return err({
					reason: 'LoginRefused',
					message: `${explainRefusal(refused).message}; if this account is to have these secrets: ${command}`,
				});
			}
			return await work(vault);
		} catch (thrown) {
			if (!(thrown instanceof Failure)) throw thrown;
			return err(failureOf(thrown, request, kv));
		} finally {
			await vault.revoke(deadlineAfter(REVOCATION)).catch((thrown: unknown) => {
				if (!(thrown instanceof Failure)) throw thrown;
			});
		}
	};
	const contextOf = (vault: Vault, { tierNames, role }: ReadRequest) => ({
		...{ vault, authMount, role, namespace, kv, tierNames, empty: 'refuse' as const },
		onSkip: () => undefined,
	});
	/** The keys that are selected, each with the tiers that have it. */
	const plan = async (vault: Vault, request: ReadRequest) => {
		const tiers = TIERS.filter((tier) => tierPath(tier, request.tierNames) !== undefined);
		const { keys } = mergeNames(await listTiers(contextOf(vault, request), tiers));
		return keys.filter(({ key }) => takes(request.selection, key));
	};
	return {
		names: (request) =>
			within(request, async (vault) => {
				const keys = await plan(vault, request);
				const found = keys.map(({ key }): Secret => ({ key, origin: 'deployment', value: '' }));
				const named = renamed(found, request);
				return named.ok ? ok([...named.value.keys()]) : named;
			}),
		values: (request) =>
			within(request, async (vault) =>
				renamed(await readSecrets(contextOf(vault, request), await plan(vault, request)), request),
			),
		close: transport.close,
	};
}

/** The secrets under their names in the Secret. */
function renamed(
	secrets: readonly Secret[],
	{ selection, tierNames }: ReadRequest,
): Result<ReadonlyMap<string, string>, SyncFailure> {
	const have = new Set(secrets.map(({ key }) => key));
	const { keys, prefixes } = selection;
	const missing =
		keys === 'all' ? [] : keys.filter(({ source }) => !have.has(source)).map(({ source }) => source);
	const unmatched = prefixes.filter(({ source }) => !secrets.some(({ key }) => key.startsWith(source)));
	const lacking = [...new Set(missing), ...unmatched.map(({ source }) => `a key that begins with ${source}`)];
	if (lacking.length > 0) {
		const tiers = TIERS.filter((tier) => tierPath(tier, tierNames) !== undefined);
		const places = tiers.map((tier) => `${tier} "${tierNames[tier]}"`);
		return err({
			reason: 'KeysMissing',
			message: `${enumerate(lacking)} ${lacking.length === 1 ? 'is' : 'are'} in none of the tiers (${enumerate(places)})`,
		});
	}
	const { secrets: selected, clashes } = select(secrets, selection, isDataKey);
	if (clashes.length > 0) return err({ reason: 'NamesClash', message: enumerate(clashes) });
	return ok(new Map(selected.map(({ key, value }) => [key, value])));
}

function wantedOf({ tierNames }: ReadRequest, kv: Kv) {
	const tiers = TIERS.filter((tier) => tierPath(tier, tierNames) !== undefined);
	return { tierNames, tiers, kv, transit: undefined, leases: [] };
}

/** The fetcher words its advice for pods; here it is about a role or a key. */
function failureOf({ reason, message, cure }: Failure, request: ReadRequest, kv: Kv): SyncFailure {
	switch (reason) {
		case 'read-refused': {
			const { tiers, tierNames } = wantedOf(request, kv);
			const folders = tiers.map((tier) => folderOf(tier, tierNames));
			const rules = folders.flatMap((folder) => [listRule(kv, folder), readRule(kv, folder)]);
			return {
				reason: 'ReadRefused',
				message: `${message}; if so, a policy of the role "${request.role}" needs: ${rules.join(' ')}`,
			};
		}
		case 'secret-unusable':
			return {
				reason: 'ValueUnusable',
				message: cure?.startsWith('store it again') === true ? `${message}: ${cure}` : message,
			};
		default:
			return { reason: 'VaultUnavailable', message };
	}
}
