import { leaseText } from '../contract/lease.ts';
import { neededKeys } from '../contract/needed-keys.ts';
import type { Tier } from '../contract/tiers.ts';
import { codeVariables } from './code-variables.ts';
import { compose } from './compose.ts';
import { decryptSealed } from './decrypt.ts';
import { explainEmptyTiers, explainFields } from './empty-tiers.ts';
import { Failure } from './failure.ts';
import type { Log } from './log.ts';
import { explainRefusal } from './login-refusal.ts';
import { type Listing, mergeNames } from './merge.ts';
import { explainReadRefusal, type LoginContext } from './read-refusal.ts';
import { withoutLeaseKeys } from './refresh/lease-selection.ts';
import { misreadersOf } from './render/dotenv.ts';
import { type OutputFile, renderAll } from './render/render.ts';
import { KEPT_BY_ZSH_OR_KSH } from './render/shell-names.ts';
import { checkRequired, missingKeys } from './required.ts';
import { select } from './select.ts';
import type { Settings } from './settings.ts';
import { enumerate, quoted } from './text.ts';
import { emptyPaths, emptyTiers, suspectName } from './tier-names.ts';
import { listTiers, originText, type ReadContext, readSecrets, type Secret } from './tiers.ts';
import { tokenClaimsOf } from './token-claims.ts';
import type { Vault } from './vault.ts';

/** Input of one fetch. */
export interface FetchParts {
	readonly settings: Settings;
	readonly vault: Vault;
	readonly log: Log;
	readonly jwt: string;
}

/** The secrets of a pod in Vault. */
export interface GatheredSecrets {
	/** Sorted by key, before composition. */
	readonly secrets: readonly Secret[];
	/** Tiers without a secret. */
	readonly empty: readonly Tier[];
}

/** The secrets, and the files to write. */
export interface PreparedFiles {
	readonly secrets: readonly Secret[];
	/** The secrets before composition. */
	readonly found: readonly Secret[];
	readonly volumes: readonly VolumeFiles[];
}

/** A directory and its files. */
interface VolumeFiles {
	readonly out: string;
	readonly outputs: readonly OutputFile[];
}

/** Logs in with the pod's service-account token. */
export async function logIn({ settings, vault, jwt }: FetchParts): Promise<void> {
	const { authMount: mount, role, namespace } = settings.vault;
	const login = await vault.login(mount, role, jwt);
	if (login.kind === 'done') return;
	const { status, errors } = login;
	const { tierNames, tiers, sealed, leases } = settings;
	const { kvMount, kvVersion, transitMount } = settings.vault;
	const wanted = {
		...{ tierNames, tiers, kv: { mount: kvMount, version: kvVersion } },
		transit: sealed.size > 0 ? transitMount : undefined,
		leases: [...leases.values()].map(leaseText),
	};
	throw explainRefusal({ status, errors, mount, role, namespace, claims: tokenClaimsOf(jwt), wanted });
}

function warnOfNames(unusable: readonly Listing[], log: Log): void {
	for (const { tier, names } of unusable) {
		const shown = enumerate(
			names.map((name) => quoted(name)),
			20,
		);
		log.warn(`not written: ${shown} of the ${tier} tier cannot be the name of a variable`, {
			tier,
			names: names.length,
		});
	}
}

/** Renders the files of every volume. The failure names every secret that cannot be rendered. */
function render(settings: Settings, all: readonly Secret[]): readonly VolumeFiles[] {
	const { formats, envKeys, volumes } = settings;
	const problems = new Set<string>();
	const code = new Set<string>();
	const volumeFiles = volumes.map(({ out, selection }): VolumeFiles => {
		const { secrets, clashes } = select(all, selection);
		for (const sentence of clashes) problems.add(sentence);
		for (const sentence of codeVariables(secrets, settings)) code.add(sentence);
		const rendered = renderAll(secrets, formats, envKeys, all);
		if (rendered.ok) return { out, outputs: rendered.value };
		// Keys for the kubelet have their names from the tiers; other keys have their names in the container.
		const originOf = new Map([...all, ...secrets].map(({ key, origin }) => [key, origin]));
		for (const { key, format, why } of rendered.error)
			problems.add(`${key} ${originText(originOf.get(key))} ${why} (format ${format})`);
		return { out, outputs: [] };
	});
	if (code.size > 0) throw new Failure('code-variable', enumerate([...code]));
	if (problems.size > 0) throw new Failure('secret-unusable', enumerate([...problems]));
	return volumeFiles;
}

/**
 * Linux limits arguments and environment to a quarter of the stack, which has 8 MiB by default (execve(2)).
 */
const USUAL_ENVIRONMENT = 2 * 1024 * 1024;

function warnOfShells({ formats }: Settings, secrets: readonly Secret[], log: Log): void {
	if (!formats.includes('shell')) return;
	const kept = secrets.filter(({ key }) => KEPT_BY_ZSH_OR_KSH.has(key)).map(({ key }) => key);
	if (kept.length > 0)
		log.warn(`${enumerate(kept)}: zsh or ksh keep these variables for themselves and will not source them`);
	// Each variable takes its bytes, a NUL, and a pointer.
	const bytes = secrets.reduce((sum, { key, value }) => sum + key.length + Buffer.byteLength(value) + 10, 0);
	if (bytes > USUAL_ENVIRONMENT)
		log.warn('the environment after sourcing exceeds the usual limit of Linux', { bytes });
}

function warnOfDotenv({ formats }: Settings, secrets: readonly Secret[], log: Log): void {
	if (!formats.includes('dotenv')) return;
	const misread = secrets.filter(({ value }) => misreadersOf(value).length > 0);
	if (misread.length === 0) return;
	const readers = [...new Set(misread.flatMap(({ value }) => misreadersOf(value)))].sort();
	const keys = misread.map(({ key }) => key);
	log.warn(`${enumerate(keys)}: ${enumerate(readers)} read other values out of the .env file`, { readers });
}

/** Decrypts the sealed values in the pod's annotations, for the namespace in the pod's token. */
async function decryptAnnotations({ settings, vault, jwt }: FetchParts): Promise<readonly Secret[]> {
	const { sealed, tierNames, vault: vaultSettings } = settings;
	if (sealed.size === 0) return [];
	const namespace = tokenClaimsOf(jwt).serviceAccount?.split('/')[0];
	if (namespace === undefined)
		throw new Failure(
			'settings',
			'the file that ENVTIER_TOKEN_FILE names holds a token that names no namespace',
		);
	return await decryptSealed(sealed, {
		vault,
		transit: vaultSettings.transitMount,
		owner: { namespace, deployment: tierNames.deployment ?? '' },
		empty: settings.empty,
		refused: (what, rules) => explainReadRefusal(loginOf(settings, vault), { what, rules }),
	});
}

function loginOf({ vault: { authMount, role, namespace } }: Settings, vault: Vault): LoginContext {
	return { vault, authMount, role, namespace };
}

/** Logs in and reads the secrets. Sends all requests to Vault except the revocation. */
export async function gatherSecrets(parts: FetchParts): Promise<GatheredSecrets> {
	await logIn(parts);
	return await readAll(parts);
}

/** The input of all reads for a pod. */
export function readContext(
	settings: Settings,
	vault: Vault,
	onSkip: ReadContext['onSkip'] = () => undefined,
): ReadContext {
	const { kvMount: mount, kvVersion: version } = settings.vault;
	const { tierNames, empty } = settings;
	return { ...loginOf(settings, vault), kv: { mount, version }, tierNames, empty, onSkip };
}

/** Lists and merges the tiers, and reads the keys that are needed. The client has logged in. */
export async function readAll(parts: FetchParts): Promise<GatheredSecrets> {
	const { settings, vault, log } = parts;
	const { tierNames } = settings;
	const skipped: string[] = [];
	const context = readContext(
		settings,
		vault,
		(key, tier) => void skipped.push(`${key} of the ${tier} tier`),
	);
	const decrypting = decryptAnnotations(parts);
	// Awaited below, so that the error does not depend on which of two failures is faster.
	decrypting.catch(() => undefined);
	const listings = await listTiers(context, settings.tiers);
	const plan = mergeNames(listings);
	const empty = emptyTiers(listings);
	const explaining = explainEmptyTiers(context, empty, empty.length === listings.length);
	explaining.catch(() => undefined);
	const decrypted = await decrypting;
	warnOfNames(plan.unusable, log);
	const needed = neededKeys(settings);
	// A sealed value overrides every tier.
	const reading = readSecrets(
		context,
		plan.keys.filter(({ key }) => needed(key) && !settings.sealed.has(key)),
	);
	reading.catch(() => undefined);
	await explaining;
	const suspicion = suspectName(settings.tiers, empty, tierNames);
	// All secrets of a pod may be in its own annotations, or come from leases.
	if (suspicion !== undefined && decrypted.length === 0 && settings.leases.size === 0)
		log.warn(suspicion, { listed: emptyPaths(empty, context) });
	const read = await reading;
	if (skipped.length > 0)
		log.warn(`empty values skipped: ${enumerate(skipped.sort(), 20)}`, { values: skipped.length });
	const secrets = [...read, ...decrypted].sort((a, b) => (a.key < b.key ? -1 : 1));
	// The empty tiers were checked above.
	if (missingKeys(withoutLeaseKeys(settings, secrets), secrets).length > 0)
		await explainFields(
			context,
			settings.tiers.filter((tier) => !empty.includes(tier)),
		);
	return { secrets, empty };
}

/** Composes the templates and renders the files. Does not write them. */
export function prepare(
	{ secrets: found, empty }: GatheredSecrets,
	{ settings, log }: Pick<FetchParts, 'settings' | 'log'>,
): PreparedFiles {
	checkRequired(settings, found, empty);
	const secrets = compose(settings.templates, found);
	if (secrets.length === 0) log.warn('none of the tiers holds a secret', { tiers: settings.tiers });
	warnOfShells(settings, secrets, log);
	warnOfDotenv(settings, secrets, log);
	return { secrets, found, volumes: render(settings, secrets) };
}
