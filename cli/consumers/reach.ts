import type { Template } from '../../contract/compose.ts';
import { ANNOTATION_PREFIX } from '../../contract/names.ts';
import { parsePrefixes, parseSelectedKeys } from '../../contract/selection.ts';
import type { PodOptions } from '../../webhook/annotations/annotations.ts';
import { parseAnnotations } from '../../webhook/annotations/parse-annotations.ts';
import { selectionFor } from '../../webhook/annotations/selections.ts';

/** A secret, and the services of its deployment that have a secret of the same key. */
export interface WantedSecret {
	readonly key: string;
	readonly deployment: string;
	/** Undefined: the secret that all services share. */
	readonly service: string | undefined;
	readonly overridingServices: readonly string[];
}

/** What a pod template says about one secret. */
export type Reach =
	/** It gets the secret. */
	| { readonly kind: 'receives' }
	/** It names the deployment, and gets another value or none. */
	| { readonly kind: 'does-not'; readonly why: string }
	/** It cannot be decided. */
	| { readonly kind: 'unknown'; readonly why: string }
	/** It is not about this deployment. */
	| { readonly kind: 'other' };

/**
 * Decides from annotations whether a pod gets a secret, as the webhook and the fetcher do: tiers, overrides,
 * selections of keys, composed and sealed values.
 *
 * @param containers the names of the pod's containers
 */
export function reachOf(
	annotations: Readonly<Record<string, string>>,
	containers: readonly string[],
	wanted: WantedSecret,
): Reach {
	const named = annotations[`${ANNOTATION_PREFIX}deployment`];
	if (named !== wanted.deployment) return { kind: 'other' };
	const parsed = parseAnnotations(new Map(Object.entries(annotations)));
	if (!parsed.ok) return { kind: 'unknown', why: 'its annotations are not those of this version' };
	const options = parsed.value;
	if (options.inject === false) return doesNot('envtier.dev/inject is "false"');
	const why = notInTiers(options, wanted) ?? notDelivered(options, containers, wanted.key);
	return why === undefined ? { kind: 'receives' } : doesNot(why);
}

const doesNot = (why: string): Reach => ({ kind: 'does-not', why });

function notInTiers({ tiers, service }: PodOptions, wanted: WantedSecret): string | undefined {
	const { overridingServices, service: wantedService } = wanted;
	const reads = (tier: 'deployment' | 'service'): boolean =>
		tiers === undefined ? tier === 'deployment' || service !== undefined : tiers.includes(tier);
	if (wantedService !== undefined) {
		if (service !== wantedService) return `it is not of the service ${wantedService}`;
		return reads('service') ? undefined : 'it does not read the tier of the service';
	}
	if (!reads('deployment')) return 'it does not read the tier of the deployment';
	if (service !== undefined && reads('service') && overridingServices.includes(service))
		return `the service ${service} overrides it`;
	return undefined;
}

/** Why no container gets the key, though the fetcher reads it. */
function notDelivered(options: PodOptions, containers: readonly string[], key: string): string | undefined {
	const { each, env = [] } = options;
	if (each.sealed.has(key)) return 'a sealed value of the pod overrides it';
	if (each.compose.has(key)) return 'a composed value of the pod overrides it';
	if (env.some((variable) => variable.key === key)) return undefined;
	// A composed value that names the key delivers it under another name.
	const names = (template: Template): boolean =>
		template.some((part) => typeof part !== 'string' && part.key === key);
	if ([...each.compose.values()].some(({ template }) => names(template))) return undefined;
	const selected = containers.some((container) => selects(selectionFor(container, options), key));
	return selected || containers.length === 0 ? undefined : 'no container selects it (keys, prefix)';
}

function selects(selection: ReturnType<typeof selectionFor>, key: string): boolean {
	if (selection === undefined) return true;
	const keys = selection.keys === undefined ? undefined : parseSelectedKeys(selection.keys);
	if (keys?.ok && (keys.value === 'all' || keys.value.some(({ source }) => source === key))) return true;
	const prefixes = selection.prefix === undefined ? undefined : parsePrefixes(selection.prefix);
	return prefixes?.ok === true && prefixes.value.some(({ source }) => key.startsWith(source));
}
