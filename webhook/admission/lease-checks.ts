import { isBelowMount, MAX_LEASES, parseLease } from '../../contract/lease.ts';
import { isLeaseNeeded, mayContainLease } from '../../contract/lease-keys.ts';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { parsePrefixes, parseSelectedKeys, type Selection } from '../../contract/selection.ts';
import type { PodOptions } from '../annotations/annotations.ts';
import { type SelectionText, selectionFor } from '../annotations/selections.ts';
import type { ContainerFacts } from '../pod/container.ts';
import type { VaultSettings } from '../settings.ts';
import { quoted } from './redact.ts';
import { type Rejection, reject } from './rejection.ts';

const annotation = (name: string): string => `annotation ${ANNOTATION_PREFIX}lease.${name}`;

/** Why the leases in the annotations cannot be served; undefined if they can. */
export function leaseProblem(options: PodOptions, vault: VaultSettings): Rejection | undefined {
	const names = [...options.each.lease.keys()];
	const [first] = names;
	if (first === undefined) return undefined;
	if (names.length > MAX_LEASES)
		return reject(
			'too-large',
			`the pod asks for ${names.length} leases, and at most ${MAX_LEASES} are possible: make several pods of it`,
		);
	if (options.refresh === 0)
		return reject(
			'bad-annotation',
			`${annotation(first)} needs a sidecar that renews the lease, but ${ANNOTATION_PREFIX}refresh is "false": remove one of the two`,
		);
	return ambiguousNames(names) ?? leaseBelowMount(options, vault) ?? leaseInVariable(options);
}

/** `A` with a field `B_C` and `A_B` with a field `C` would both be `A_B_C`. */
function ambiguousNames(names: readonly string[]): Rejection | undefined {
	for (const name of names) {
		const other = names.find((one) => one.startsWith(`${name}_`));
		if (other !== undefined)
			return reject(
				'bad-annotation',
				`${annotation(other)} and ${ANNOTATION_PREFIX}lease.${name} could both give keys that begin with ${quoted(`${other}_`)}: rename one of them`,
			);
	}
	return undefined;
}

/** The tiers and sealed values decide about secrets and keys in these mounts. */
function leaseBelowMount(
	{ each }: PodOptions,
	{ kvMount, transitMount }: VaultSettings,
): Rejection | undefined {
	for (const [name, text] of each.lease) {
		const lease = parseLease(text);
		const mount = [kvMount, transitMount].find((one) => lease.ok && isBelowMount(lease.value.path, one));
		if (mount !== undefined)
			return reject(
				'bad-annotation',
				`${annotation(name)} names a path in the mount "${mount}", which issues no leases: name a path of a database, pki or similar secrets engine`,
			);
	}
	return undefined;
}

/**
 * Kubernetes sets a variable when a container starts. Unless a new secret restarts the containers, it would
 * keep the value of a lease that has ended.
 */
function leaseInVariable(options: PodOptions): Rejection | undefined {
	const { each, env = [] } = options;
	if (options['on-change']?.kind === 'restart') return undefined;
	const templates = new Map([...each.compose].map(([key, { template }]) => [key, template]));
	for (const name of each.lease.keys()) {
		const variable = env.find(({ key }) => mayContainLease(name, templates, key));
		if (variable !== undefined)
			return reject(
				'refresh-unused',
				`annotation ${ANNOTATION_PREFIX}env takes ${quoted(variable.key)}, a value of ${ANNOTATION_PREFIX}lease.${name}, which ends: the variable would keep the old value. Set ${ANNOTATION_PREFIX}on-change to "restart", or read the value from a file`,
			);
	}
	return undefined;
}

/** Refuses a lease of which no container gets a key: most often a mistake in a selection. */
export function unusedLease(options: PodOptions, readers: readonly ContainerFacts[]): Rejection | undefined {
	const { compose, lease } = options.each;
	if (lease.size === 0) return undefined;
	const delivered = {
		selections: readers.map(({ name }) => parsed(selectionFor(name, options))),
		envKeys: (options.env ?? []).map(({ key }) => key),
		templates: new Map([...compose].map(([key, { template }]) => [key, template])),
	};
	const unused = [...lease.keys()].find((name) => !isLeaseNeeded(name, delivered));
	if (unused === undefined) return undefined;
	return reject(
		'bad-annotation',
		`${annotation(unused)} gives keys that begin with ${quoted(`${unused}_`)}, but no container takes one: name them in ${ANNOTATION_PREFIX}keys, or remove the lease`,
	);
}

/** The selection as the fetcher parses it. Its text was parsed before. */
function parsed(text: SelectionText | undefined): Selection | undefined {
	if (text === undefined) return undefined;
	const keys = parseSelectedKeys(text.keys ?? '');
	const prefixes = parsePrefixes(text.prefix ?? '');
	return { keys: keys.ok ? keys.value : [], prefixes: prefixes.ok ? prefixes.value : [] };
}
