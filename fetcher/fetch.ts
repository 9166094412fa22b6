import { compose, missingReferences } from './compose.ts';
import { Failure } from './failure.ts';
import { identityOf } from './identity.ts';
import type { Log } from './log.ts';
import { explainRefusal } from './login-refusal.ts';
import { type Listing, mergeNames } from './merge.ts';
import { type Output, renderAll } from './render/render.ts';
import { KEPT_BY_ZSH_OR_KSH } from './render/shell-names.ts';
import type { Settings } from './settings.ts';
import { enumerate, quoted } from './text.ts';
import { listTiers, type Origin, type Place, readSecrets, type Secret } from './tiers.ts';
import type { Vault } from './vault.ts';

/** What one fetch needs. */
export interface FetchParts {
	readonly settings: Settings;
	readonly vault: Vault;
	readonly log: Log;
	readonly jwt: string;
}

/** Everything that is to be written, and where it came from. */
export interface Fetched {
	readonly secrets: readonly Secret[];
	readonly outputs: readonly Output[];
}

async function logIn({ settings, vault, jwt }: FetchParts): Promise<void> {
	const { authMount: mount, role, namespace } = settings.vault;
	const login = await vault.login(mount, role, jwt);
	if (login.kind === 'done') return;
	const { status, errors } = login;
	throw explainRefusal({ status, errors, mount, role, namespace, identity: identityOf(jwt) });
}

function warnOfNames(unusable: readonly Listing[], log: Log): void {
	for (const { tier, names } of unusable) {
		const shown = enumerate(
			names.map((name) => quoted(name)),
			20,
		);
		log.warn(`not written: ${shown} of the ${tier} tier can be no variable's name`, {
			tier,
			names: names.length,
		});
	}
}

/** `secrets` are those before composition. */
function checkRequired(settings: Settings, secrets: readonly Secret[]): void {
	const { require, envKeys, tiers, templates } = settings;
	const have = new Set([...secrets.map(({ key }) => key), ...templates.keys()]);
	const missing = (keys: readonly string[]) => keys.filter((key) => !have.has(key));
	const unresolved = [...missingReferences(templates, secrets)];
	const complaints = [
		...unresolved.map(([key, keys]) => ({ by: `envtier.dev/compose.${key}`, keys })),
		{ by: 'envtier.dev/require', keys: missing(require) },
		{ by: 'envtier.dev/env', keys: missing(envKeys) },
	].filter(({ keys }) => keys.length > 0);
	if (complaints.length === 0) return;
	const sentences = complaints.map(({ by, keys }) => `${enumerate(keys)} (asked for by ${by})`);
	throw new Failure(
		'required-missing',
		`none of the tiers read (${tiers.join(', ')}) has ${enumerate(sentences)}`,
	);
}

function from(origin: Origin | undefined): string {
	return origin === 'composed' ? '(composed)' : `of the ${origin} tier`;
}

function render({ formats, envKeys }: Settings, secrets: readonly Secret[]): readonly Output[] {
	const rendered = renderAll(secrets, formats, envKeys);
	if (rendered.ok) return rendered.value;
	const originOf = new Map(secrets.map(({ key, origin }) => [key, origin]));
	const sentences = rendered.error.map(
		({ key, format, why }) => `${key} ${from(originOf.get(key))} ${why} (format ${format})`,
	);
	throw new Failure('secret-unusable', enumerate(sentences));
}

/** With its usual stack of 8 MiB Linux gives a program a quarter of that for arguments and environment (execve(2)). */
const USUAL_ENVIRONMENT = 2 * 1024 * 1024;

function warnOfShells({ formats }: Settings, secrets: readonly Secret[], log: Log): void {
	if (!formats.includes('shell')) return;
	const kept = secrets.filter(({ key }) => KEPT_BY_ZSH_OR_KSH.has(key)).map(({ key }) => key);
	if (kept.length > 0)
		log.warn(`${enumerate(kept)}: zsh or ksh keep these variables for themselves and will not source them`);
	// Each variable takes its bytes, a NUL, and a pointer.
	const bytes = secrets.reduce((sum, { key, value }) => sum + key.length + Buffer.byteLength(value) + 10, 0);
	if (bytes > USUAL_ENVIRONMENT)
		log.warn('sourced, these are more than Linux usually lets a program have as environment', { bytes });
}

/** Logs in, merges the tiers and renders the files: everything short of writing them. */
export async function fetchSecrets(parts: FetchParts): Promise<Fetched> {
	const { settings, vault, log } = parts;
	const { kvMount: mount, kvVersion: version, namespace } = settings.vault;
	const place: Place = { vault, kv: { mount, version }, scope: settings.scope, namespace };
	await logIn(parts);
	const plan = mergeNames(await listTiers(place, settings.tiers));
	warnOfNames(plan.unusable, log);
	const found = await readSecrets(place, plan.wanted);
	checkRequired(settings, found);
	const secrets = compose(settings.templates, found);
	if (secrets.length === 0) log.warn('none of the tiers holds a secret', { tiers: settings.tiers });
	warnOfShells(settings, secrets, log);
	return { secrets, outputs: render(settings, secrets) };
}
