import type { Context } from '../context.ts';
import { json, type Output } from '../output.ts';
import { table } from '../table.ts';
import { type Incomplete, incompleteWarning } from './secret-location.ts';
import { failed, withApi } from './session.ts';

interface EffectiveView {
	readonly secrets: readonly {
		readonly key: string;
		readonly tier: string;
		readonly overrides: readonly string[];
		readonly version: number;
		readonly incomplete?: Incomplete;
	}[];
}

interface KeyTier {
	readonly key: string;
	readonly tier: string;
}

interface Difference {
	readonly onlyHere: readonly KeyTier[];
	readonly onlyThere: readonly KeyTier[];
	readonly both: readonly (KeyTier & { readonly otherTier: string; readonly shared: boolean })[];
}

/** Options that both commands have. */
interface ViewOptions {
	readonly service?: string | undefined;
	readonly output: Output;
}

/** `envtier effective` */
export async function showEffective(
	{ deployment, service = '', output }: ViewOptions & { readonly deployment: string },
	context: Context,
): Promise<void> {
	await withApi(context, async ({ call }) => {
		const answer = await call('GET', `/api/effective?${new URLSearchParams({ deployment, service })}`);
		if (!answer.ok) return failed(context, answer.error);
		const view = answer.value as EffectiveView;
		const rows = view.secrets.map(({ key, tier, overrides, version }) => [
			...[key, tier, overrides.join(', '), String(version)],
		]);
		const { stdout, stderr } = context;
		for (const { key, incomplete } of view.secrets) stderr.write(incompleteWarning(key, incomplete));
		const text = () => table(['KEY', 'TIER', 'OVERRIDES', 'VERSION'], rows, stdout.paint);
		stdout.write(output === 'json' ? json(view) : text());
	});
}

/** `envtier diff` */
export async function showDifference(
	deployment: string,
	other: string,
	{ service = '', output }: ViewOptions,
	context: Context,
): Promise<void> {
	await withApi(context, async ({ call }) => {
		const query = new URLSearchParams({ deployment, with: other, service });
		const answer = await call('GET', `/api/difference?${query}`);
		if (!answer.ok) return failed(context, answer.error);
		const { onlyHere, onlyThere, both } = answer.value as Difference;
		const rows = [
			...onlyHere.map(({ key, tier }) => [key, tier, '']),
			...onlyThere.map(({ key, tier }) => [key, '', tier]),
			...both.map(({ key, tier, otherTier, shared }) => [key, tier, otherTier, shared ? 'the same' : '']),
		].map(([key = '', here = '', there = '', value = '']) => [key, here, there, value]);
		const { stdout } = context;
		const head = ['KEY', deployment.toUpperCase(), other.toUpperCase(), 'VALUE'];
		stdout.write(output === 'json' ? json(answer.value) : table(head, rows, stdout.paint));
	});
}
