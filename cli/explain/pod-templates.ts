import { isUnderPrefix } from '../../contract/names.ts';
import { type Json, object } from '../../lib/json.ts';
import { isLookAlike } from './look-alikes.ts';

/**
 * A part of an object that is about pods, and its path (`spec.template`,
 * `spec.templates[2].metadata.annotations`).
 */
export interface FoundObject {
	readonly path: string;
	readonly value: Json;
}

/** The result of `podPartsOf`. */
export interface PodParts {
	/** Pod templates: objects with `spec.containers`. */
	readonly templates: readonly FoundObject[];
	/** Maps of annotations outside of pod templates, with our prefix or one that resembles it. */
	readonly annotations: readonly FoundObject[];
	/**
	 * Maps of labels, found in the same way. Labels of the object itself are left out, because they may be for
	 * other programs: the webhook reads no labels of pods.
	 */
	readonly labels: readonly FoundObject[];
}

/** Maximum depth. No custom resource is nested deeper. */
const MAX_DEPTH = 100;

/**
 * Finds the pod templates of an object of unknown kind, at any depth, and the annotations for pods that
 * operators create themselves (Spark, Argo Workflows, Strimzi).
 */
export function podPartsOf(found: Json): PodParts {
	const search = new Search();
	search.membersOf(found, '', 0);
	return search;
}

class Search implements PodParts {
	readonly templates: FoundObject[] = [];
	readonly annotations: FoundObject[] = [];
	readonly labels: FoundObject[] = [];
	/** Objects already visited: with YAML aliases the same object may occur several times. */
	readonly #seen = new Set<object>();

	membersOf(value: Json, path: string, depth: number): void {
		for (const [name, each] of Object.entries(value)) {
			const below = path === '' ? name : `${path}.${name}`;
			if (isAnnotations(name, each)) this.annotations.push({ path: below, value: each as Json });
			else if (path !== 'metadata' && isLabels(name, each))
				this.labels.push({ path: below, value: each as Json });
			else this.#look(each, below, depth);
		}
	}

	#look(value: unknown, path: string, depth: number): void {
		if (typeof value !== 'object' || value === null || depth > MAX_DEPTH || this.#seen.has(value)) return;
		this.#seen.add(value);
		const at = value as Json;
		if (Array.isArray(value))
			for (const [i, each] of value.entries()) this.#look(each, `${path}[${i}]`, depth + 1);
		else if (isTemplate(at)) this.templates.push({ path, value: at });
		else this.membersOf(at, path, depth + 1);
	}
}

function isTemplate(value: Json): boolean {
	const containers = object(value['spec'])?.['containers'];
	return (
		Array.isArray(containers) && containers.length > 0 && containers.every((one) => object(one) !== undefined)
	);
}

/**
 * True for `annotations`, `podAnnotations`, … with an entry under our prefix, or under one that resembles it.
 */
function isAnnotations(name: string, value: unknown): boolean {
	const names = /annotations$/i.test(name) ? Object.keys(object(value) ?? {}) : [];
	return names.some((one) => isUnderPrefix(one) || isLookAlike(one));
}

/**
 * True for `labels`, `podLabels`, … with an entry under our prefix, or under one that resembles it. Not for
 * selectors (`matchLabels`).
 */
function isLabels(name: string, value: unknown): boolean {
	return /^(?!match).*labels$/i.test(name) && Object.keys(object(value) ?? {}).some(isLookAlike);
}
