import type { Logger } from 'pino';
import type { RecordStep } from '../../lib/audit/steps.ts';
import type { IndexedSecret } from '../../lib/kv/rotation-index.ts';
import { generatePassword } from '../../lib/passwords.ts';
import type { RunningReconciler } from '../reconciler.ts';
import { jittered, paced, repeat } from '../repeat.ts';
import { openLooks, problemOf } from './looks.ts';
import type { RotationMetrics, RotationResult } from './metrics.ts';
import { openSchedule } from './schedule.ts';
import type { RotationVault } from './vault.ts';

/** What the rotation runs on. */
export interface RotationParts {
	readonly vault: RotationVault;
	/** Audits one rotation. */
	readonly step: RecordStep;
	/** Milliseconds between two looks at the index. */
	readonly period: number;
	/** Most rotations in a minute. One runs at a time. */
	readonly perMinute: number;
	readonly metrics: RotationMetrics;
	readonly log: Logger;
	/** Whether this replica leads. Nothing is written otherwise. */
	readonly isLeader: () => boolean;
}

/** A running rotation. */
export interface Rotation extends RunningReconciler {
	rotating(): number;
	due(): number;
	lookAge(): number;
}

/** HTTP statuses of the audit. */
const STATUS = { written: 200, changed: 409, gone: 404 } as const;
const RESULT = { written: 'done', changed: 'changed', gone: 'gone' } as const;
const MESSAGE = {
	written: 'password rotated',
	changed: 'password not rotated: somebody else wrote a version first',
	gone: 'password not rotated: it was deleted',
} as const;

/** Gives passwords that are due a new value, until it is closed. The first look is at once. */
export function startRotation(parts: RotationParts): Rotation {
	const { vault, period, perMinute, metrics, log, isLeader } = parts;
	const schedule = openSchedule();
	const ending = new AbortController();
	const looks = openLooks({ vault, schedule, log, signal: ending.signal });

	/** Rotates one secret, if it is still due. */
	const rotate = async (name: string): Promise<RotationResult | undefined> => {
		const decision = await looks.read(name);
		const secret = schedule.secretOf(name);
		if (secret === undefined || decision.kind !== 'due') return undefined;
		if (!isLeader()) return undefined;
		const { version, generate } = decision;
		const outcome = await parts.step(
			actionOf(secret),
			{ scope: secret.folder, key: secret.key, secretType: 'password' },
			() => vault.write(secret, generatePassword(generate), version),
			({ kind }) => STATUS[kind],
			(written) => (written.kind === 'written' ? written.version : undefined),
		);
		schedule.rotated(name);
		log.info({ secret: pathOf(secret), version }, MESSAGE[outcome.kind]);
		return RESULT[outcome.kind];
	};
	const work = async (): Promise<void> => {
		const name = schedule.next();
		if (name === undefined || !isLeader()) return;
		try {
			const result = await rotate(name);
			if (result !== undefined) metrics.rotation(result);
		} catch (thrown) {
			schedule.failed(name);
			metrics.rotation('failed');
			const secret = schedule.secretOf(name);
			log.warn({ secret: secret && pathOf(secret), problem: problemOf(thrown) }, 'password rotation failed');
		}
	};
	let first = true;
	const loops = [
		repeat(
			ending.signal,
			() => {
				const pause = first ? 0 : jittered(period);
				first = false;
				return pause;
			},
			looks.look,
		),
		repeat(ending.signal, paced(60_000 / perMinute), work),
	];
	return {
		rotating: schedule.rotating,
		due: schedule.due,
		lookAge: looks.age,
		close: async () => {
			ending.abort();
			await Promise.all(loops);
		},
	};
}

const pathOf = ({ folder, key }: IndexedSecret): string => `${folder}/${key}`;

/** The operation ids of the API for secrets of an organization begin with `org.`. */
function actionOf({ folder }: IndexedSecret): string {
	return folder.startsWith('orgs/') ? 'org.secrets.rotate' : 'secrets.rotate';
}
