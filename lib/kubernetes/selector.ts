import { type Json, list, object, text } from '../json.ts';

/**
 * The selector of a workload's pods as the API server takes it in a query (Kubernetes API: LabelSelector).
 * Undefined if the workload has none, or one of another shape: an empty selector would match every pod.
 */
export function podSelector(workload: unknown): string | undefined {
	const selector = object(object(object(workload)?.['spec'])?.['selector']);
	const labels = Object.entries(object(selector?.['matchLabels']) ?? {}).map(([key, value]) =>
		typeof value === 'string' ? `${key}=${value}` : undefined,
	);
	const expressions = list(selector?.['matchExpressions']).map((one) => expressionText(object(one)));
	const parts = [...labels, ...expressions];
	return parts.length === 0 || parts.includes(undefined) ? undefined : parts.join(',');
}

function expressionText(expression: Json | undefined): string | undefined {
	const key = text(expression?.['key']);
	const values = list(expression?.['values']);
	if (key === undefined || !values.every((value) => typeof value === 'string')) return undefined;
	switch (expression?.['operator']) {
		case 'In':
			return `${key} in (${values.join(',')})`;
		case 'NotIn':
			return `${key} notin (${values.join(',')})`;
		case 'Exists':
			return key;
		case 'DoesNotExist':
			return `!${key}`;
		default:
			return undefined;
	}
}
