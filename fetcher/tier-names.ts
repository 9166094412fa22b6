import type { Scope, Tier } from '../contract/tiers.ts';
import { enumerate, quoted } from './text.ts';

/** What of the pod names a tier's folder. */
const NAMED_BY: Readonly<Record<Tier, string>> = {
	org: 'the organization (envtier.dev/org)',
	deployment: 'envtier.dev/deployment',
	service: 'envtier.dev/service',
};

/** `the deployment tier of "shop"`. */
export function tierOf(tier: Tier, scope: Scope): string {
	return `the ${tier} tier of ${quoted(scope[tier] ?? '')}`;
}

/** Asks whether what names these tiers is right. */
export function areNamesRight(tiers: readonly Tier[]): string {
	return `${tiers.length === 1 ? 'is' : 'are'} ${enumerate(tiers.map((tier) => NAMED_BY[tier]))} right?`;
}

/** Names of fields, never their values. */
export function fieldsText(names: readonly string[]): string {
	const shown = names.map((name) => quoted(name, 60));
	return `the ${names.length === 1 ? 'field' : 'fields'} ${enumerate(shown, 5)}`;
}
