import pLimit from 'p-limit';
import { list, object } from '../../lib/json.ts';
import { decodeHead } from '../../lib/kv/head.ts';
import { withOwnMetadata } from '../../lib/kv/identity.ts';
import { dueAt, parseRotation, ROTATION_ENTRY } from '../../lib/kv/rotation.ts';
import { isIndexEntry, ROTATIONS, secretOfEntry } from '../../lib/kv/rotation-index.ts';
import type { VaultClient, VaultOutcome } from '../../lib/vault/client.ts';
import { CONTROLLER_POLICIES } from '../vault/controller-policies.ts';
import type { AdminToken } from './audit.ts';
import { bad, type Check, good, redacted, skipped, warn } from './check.ts';
import type { InjectedSettings } from './probe.ts';
import { unanswered } from './vault-checks.ts';

const ID = 'rotation-vault';
const DUE_ID = 'rotation-due';
const SETUP = 'run deploy/vault/setup.sh rotation --replace (docs/controller.md)';
/** Passwords that are looked at, and those that are named. */
const LIMIT = 100;
const NAMED = 5;
const PARALLEL = 8;
/** A password may be late by so much: the controller sees a new rotation within an hour. In ms. */
const LATE = 3_600_000;

/** What the checks of the rotation need. */
export interface RotationInVault extends Pick<InjectedSettings, 'authMount' | 'kv'> {
	/** The role of the rotation. */
	readonly role: string;
}

/**
 * Checks what Vault has for the rotation of passwords: its role, whose policies let it write values and read
 * none, and whether passwords are past their time.
 *
 * @param admin for this Vault; undefined if there is none
 */
export async function rotationVaultChecks(
	vault: VaultClient,
	place: RotationInVault,
	admin: AdminToken | undefined,
): Promise<readonly Check[]> {
	if (admin === undefined)
		return [
			skipped(
				ID,
				'the role and the policy of the rotation are not checked: VAULT_ADDR and VAULT_TOKEN of an administrator of the Vault of the pods let the doctor read them',
			),
		];
	const read = (path: string) => vault.read(path, admin.token);
	const due = await dueCheck(
		read,
		() => vault.list(`${place.kv.mount}/metadata/${ROTATIONS}`, admin.token),
		place,
	);
	return [await roleCheck(read, place), due];
}

type Read = (path: string) => Promise<VaultOutcome>;

async function roleCheck(read: Read, { authMount, kv, role }: RotationInVault): Promise<Check> {
	const found = await read(`auth/${authMount}/role/${role}`);
	if (!found.ok) return unanswered(ID, found);
	const names = dataOf(found)?.['token_policies'];
	if (!Array.isArray(names))
		return bad(ID, `role ${role} does not exist, or the token may not read it`, SETUP);
	const texts: string[] = [];
	for (const name of names) {
		const policy = await read(`sys/policies/acl/${name}`);
		if (!policy.ok) return unanswered(ID, policy);
		texts.push(String(dataOf(policy)?.['policy'] ?? ''));
	}
	const granted = linesOf(texts.join('\n'));
	const readsValues = granted.find(
		({ path, capabilities }) => path.startsWith(`${kv.mount}/data/`) && capabilities.includes('read'),
	);
	if (readsValues !== undefined)
		return bad(
			ID,
			`the policies of role ${role} let the rotation read values: path "${readsValues.path}"`,
			SETUP,
		);
	const missing = linesOf(CONTROLLER_POLICIES.rotation.replaceAll('"secret/', `"${kv.mount}/`)).find(
		(needed) => !granted.some((one) => covers(one, needed)),
	);
	return missing === undefined
		? good(ID, `role ${role} may write new versions of passwords, and reads no value`)
		: warn(
				ID,
				`the policies of role ${role} (${names.join(', ')}) lack path "${missing.path}" { capabilities = ["${missing.capabilities.join('", "')}"] }: passwords there do not rotate`,
				SETUP,
			);
}

interface PolicyLine {
	readonly path: string;
	readonly capabilities: readonly string[];
}

/** The paths of a policy with their capabilities. */
function linesOf(policy: string): readonly PolicyLine[] {
	const lines = policy.matchAll(/path\s+"([^"]+)"\s*\{[^}]*?capabilities\s*=\s*\[([^\]]*)\]/g);
	return Array.from(lines, ([, path = '', all = '']) => ({
		path,
		capabilities: Array.from(all.matchAll(/"([a-z]+)"/g), ([, name = '']) => name),
	}));
}

function covers(granted: PolicyLine, needed: PolicyLine): boolean {
	return (
		granted.path === needed.path && needed.capabilities.every((one) => granted.capabilities.includes(one))
	);
}

/** Looks for passwords that are past their time, by Vault's clock. */
async function dueCheck(
	read: Read,
	index: () => Promise<VaultOutcome>,
	{ kv }: RotationInVault,
): Promise<Check> {
	const listed = await index();
	if (!listed.ok) return unanswered(DUE_ID, listed);
	const { status, date } = listed.value;
	if (status === 404) return good(DUE_ID, 'no password rotates');
	if (status !== 200 || date === undefined)
		return skipped(
			DUE_ID,
			`whether passwords are past their time is not checked: Vault answers ${status} to ${listed.value.path}`,
		);
	const names = list(dataOf(listed)?.['keys']).map(String).filter(isIndexEntry);
	/** The secret of an entry that rotates, and whether it is late; undefined if none does. */
	const look = async (name: string) => {
		const entry = await read(`${kv.mount}/metadata/${ROTATIONS}/${name}`);
		const secret = secretOfEntry(name, textsOf(dataOf(entry)?.['custom_metadata']));
		if (secret === undefined) return undefined;
		const path = `${secret.folder}/${secret.key}`;
		const head = decodeHead(dataOf(await read(`${kv.mount}/metadata/${path}`)), date);
		if (head === undefined || !head.live) return undefined;
		const rotation = parseRotation(withOwnMetadata(head).metadata[ROTATION_ENTRY]);
		if (rotation === undefined) return undefined;
		return { path, late: dueAt(rotation, head.writtenAt).getTime() + LATE < date };
	};
	const limit = pLimit(PARALLEL);
	const seen = await Promise.all(names.slice(0, LIMIT).map((name) => limit(() => look(name))));
	const rotating = seen.filter((one) => one !== undefined);
	const late = rotating.filter((one) => one.late).map(({ path }) => path);
	const of = names.length > LIMIT ? ` (of the first ${LIMIT} in the index)` : '';
	if (late.length === 0)
		return good(DUE_ID, `passwords that rotate${of}: ${rotating.length}, and none is past its time`);
	const more = late.length > NAMED ? ', …' : '';
	return warn(
		DUE_ID,
		redacted(
			`passwords that are past their time for more than an hour${of}: ${late.length} of ${rotating.length}: ${late.slice(0, NAMED).join(', ')}${more}`,
		),
		'the log of the controller says why: look for "could not be rotated" and "cannot be looked up"',
	);
}

function dataOf(answer: VaultOutcome): Readonly<Record<string, unknown>> | undefined {
	return answer.ok ? object(object(answer.value.json)?.['data']) : undefined;
}

function textsOf(metadata: unknown): Readonly<Record<string, string>> {
	return Object.fromEntries(
		Object.entries(object(metadata) ?? {}).filter(
			(entry): entry is [string, string] => typeof entry[1] === 'string',
		),
	);
}
