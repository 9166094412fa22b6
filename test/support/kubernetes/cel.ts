import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { V1Pod } from '@kubernetes/client-node';
import { ok, type Result } from '../../../contract/result.ts';
import { preparePrograms } from './programs.ts';

/** A policy, what it reads, and a pod of a namespace that is created. */
export interface Evaluated {
	readonly policy: object;
	readonly settings: Readonly<Record<string, string | undefined>>;
	readonly namespace: { readonly name: string; readonly labels?: Readonly<Record<string, string>> };
	readonly pod: unknown;
}

/** What kube-apiserver's own packages make of it. */
export interface Evaluation {
	/** Whether all match conditions hold. */
	readonly matches: boolean;
	/** In the units of CEL, of 2,500,000. */
	readonly matchCost: number;
	/** Of variables, mutations and validations, of 10,000,000. */
	readonly cost: number;
	/** After the mutations. */
	readonly pod?: V1Pod;
	readonly error?: string;
	/** Messages of the validations that do not hold. */
	readonly denied?: readonly string[];
}

/** Evaluates policies without an API server, in some milliseconds each. */
export interface CelEvaluator {
	evaluate(question: Evaluated): Promise<Evaluation>;
	stop(): Promise<void>;
}

/** Starts the evaluator (go/cel-cost). Fails with a sentence where it cannot be built. */
export async function startCelEvaluator(): Promise<Result<CelEvaluator>> {
	const built = await preparePrograms(['cel-cost']);
	if (!built.ok) return built;
	const child = spawn(built.value['cel-cost'], { stdio: ['pipe', 'pipe', 'inherit'] });
	const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
	const waiting: ((line: string) => void)[] = [];
	createInterface({ input: child.stdout }).on('line', (line) => waiting.shift()?.(line));
	return ok({
		evaluate: async ({ policy, settings, namespace, pod }) => {
			const params = { metadata: { name: 'envtier-settings', namespace: 'envtier-system' }, data: settings };
			const line = new Promise<string>((resolve, reject) => {
				waiting.push(resolve);
				void ended.then(() => reject(new Error('the evaluator has ended')));
			});
			child.stdin.write(`${JSON.stringify({ policy, params, namespace: { metadata: namespace }, pod })}\n`);
			return JSON.parse(await line) as Evaluation;
		},
		stop: async () => {
			child.stdin.end();
			await ended;
		},
	});
}
