import { join } from 'node:path';
import { isNotified } from '../../contract/refresh.ts';
import { type GatheredSecrets, type PreparedFiles, prepare } from '../fetch.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import { changedKeys, digestsOf, revisionOfSecrets } from './digests.ts';
import { isCurrent, writeGeneration } from './generation.ts';
import type { LeaseKeeper, LeaseValues } from './lease-keeper.ts';
import { withLeases } from './lease-selection.ts';
import type { Memory } from './memory.ts';
import type { Restarter, Undelivered } from './restarter.ts';

/** What the delivery works with. Leases and restarter need the delivery as well, so they come later. */
export interface DeliveryParts {
	readonly settings: Settings;
	readonly log: Log;
	/** A log that does not repeat the warnings of the first fetch. */
	readonly quiet: Log;
	readonly memory: Memory;
	readonly leases: () => LeaseKeeper;
	readonly restarter: () => Restarter;
}

/** Brings secrets to the files, or has the restarter do it. */
export interface Delivery {
	/**
	 * Writes changed files with what was read, or has the restarter write them. Does nothing while a lease has
	 * no secret: that one writes the files when it has one.
	 *
	 * @param requests to Vault that reading took, for the log
	 * @throws Failure if the files cannot be rendered or written
	 */
	deliver(read: GatheredSecrets, requests: number): void;
	/** The same with what was read last. False if that, or a lease, is missing. */
	deliverAgain(): boolean;
	/** Whether `deliverAgain` has something to deliver. Only leases need it. */
	hasRead(): boolean;
	/** Renders the files with these leases and what was read last. Throws a Failure if that fails. */
	render(values: LeaseValues): void;
	/** Logs that the files are current. */
	logCurrent(): void;
	/** When the log last said whether the files are current, in ms since 1970. */
	loggedAt(): number;
}

/** Opens the delivery of a sidecar. */
export function openDelivery({ settings, log, quiet, memory, leases, restarter }: DeliveryParts): Delivery {
	const isRestarting = settings.onChange.kind === 'restart';
	/** The secrets of the tiers, kept only if leases need them to write the files. */
	let lastRead: GatheredSecrets | undefined;
	let loggedAt = Date.now();

	const logCurrent = (): void => {
		loggedAt = Date.now();
		log.info('secrets are current', { revision: memory.state().revision });
	};

	const prepareWith = (read: GatheredSecrets, values: LeaseValues): PreparedFiles =>
		prepare({ ...read, secrets: withLeases(read.secrets, values) }, { settings, log: quiet });

	/** New versions with equal values are current, with another revision than that of the last write. */
	const noteRevision = (prepared: PreparedFiles): void => {
		const revision = revisionOfSecrets(prepared.found);
		if (revision === memory.state().revision) return;
		memory.save({ revision });
		logCurrent();
	};

	/** Writes changed files. Saves first what is to be delivered to the application, if anything. */
	const write = (prepared: PreparedFiles, requests: number, delivers: boolean): void => {
		const { digests: before, pending: earlier } = memory.state();
		const revision = revisionOfSecrets(prepared.found);
		const digests = digestsOf(prepared.secrets);
		const keys = changedKeys(before, digests);
		const pending = {
			keys: [...new Set([...(earlier?.keys ?? []), ...keys])].sort(),
			revision,
			write: (earlier?.write ?? 0) + 1,
		};
		// Saved before the files, so that the sidecar also notifies if it crashes between the two steps.
		memory.save({ digests, revision, pending: delivers ? pending : undefined });
		for (const { out, outputs } of prepared.volumes) writeGeneration(out, outputs);
		loggedAt = Date.now();
		log.info('secrets changed, files written', {
			keys,
			revision,
			files: prepared.volumes.flatMap(({ out, outputs }) => outputs.map(({ path }) => join(out, path))),
			requests,
		});
	};

	/** What is not delivered yet. A sidecar may have been killed after it wrote files for a restart. */
	const undelivered = (
		prepared: PreparedFiles,
		isChanged: boolean,
		requests: number,
	): Undelivered | undefined => {
		const { digests, pending } = memory.state();
		if (!isChanged && (pending === undefined || !isRestarting)) return undefined;
		return {
			keys: changedKeys(digests, digestsOf(prepared.secrets)),
			write: (how) => {
				const notifies = !isRestarting && isNotified(settings.onChange);
				if (isChanged) write(prepared, requests, how === 'before-restart' || notifies);
				if (how === 'without-restart') leases().written();
			},
		};
	};

	const deliverWith = (read: GatheredSecrets, values: LeaseValues, requests: number): void => {
		const prepared = prepareWith(read, values);
		const isChanged = !prepared.volumes.every(({ out, outputs }) => isCurrent(out, outputs));
		if (!isChanged) noteRevision(prepared);
		const change = undelivered(prepared, isChanged, requests);
		const urgent = leases().isUnwritten();
		// With a restart, a secret counts as written when the restart is asked for.
		if (change === undefined) leases().written();
		restarter().checked(change, urgent);
	};

	return {
		deliver: (read, requests) => {
			if (settings.leases.size > 0) lastRead = read;
			const values = leases().values();
			if (values !== undefined) deliverWith(read, values, requests);
		},
		deliverAgain: () => {
			const values = leases().values();
			if (lastRead === undefined || values === undefined) return false;
			deliverWith(lastRead, values, 0);
			return true;
		},
		hasRead: () => lastRead !== undefined,
		render: (values) => {
			if (lastRead !== undefined) prepareWith(lastRead, values);
		},
		logCurrent,
		loggedAt: () => loggedAt,
	};
}
