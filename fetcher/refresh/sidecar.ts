import process from 'node:process';
import { now } from '../clock.ts';
import { deadlineAfter } from '../deadline.ts';
import type { Log } from '../log.ts';
import { revokeToken } from '../revoke-token.ts';
import type { RunParts } from '../run.ts';
import type { Settings } from '../settings.ts';
import { endpointOf } from '../transport/endpoint.ts';
import { openTransport } from '../transport/transport.ts';
import { openChecks } from './checks.ts';
import { openDelivery } from './delivery.ts';
import { wallClock } from './lease-clock.ts';
import { type LeaseKeeper, openLeaseKeeper } from './lease-keeper.ts';
import { withNeededLeases } from './lease-selection.ts';
import { openMemory } from './memory.ts';
import { openNotifier } from './notifier.ts';
import { openOnce } from './open-once.ts';
import { type CheckRequest, watchRequests } from './requests.ts';
import type { RestartMemory } from './restart.ts';
import { NO_RESTARTER, openRestarter, type Restarter } from './restarter.ts';
import { firstCheck } from './schedule.ts';

const REVOCATION_TIMEOUT = 1_500;

/**
 * Keeps the files current until `stopped` rejects, then resolves. A failed check does not change the files.
 *
 * @returns why it ended: it was stopped, or it asks for a restart of all containers
 */
export async function runSidecar({ settings, log, stopped }: RunParts): Promise<'stopped' | 'restart'> {
	const sidecar = openSidecar(withNeededLeases(settings), log);
	const end = stopped.catch(() => 'stopped' as const);
	let checkAt = now() + firstCheck(settings.period, Math.random());
	log.info('keeping the secrets current', { periodSeconds: settings.period / 1000, ...sidecar.summary() });
	sidecar.start();
	for (;;) {
		const why = await nextEvent(sidecar, checkAt, end);
		if (why === 'stopped') break;
		const result = await Promise.race([sidecar.proceed(), end]);
		if (result === 'stopped') break;
		if (result === 'restart') return 'restart';
		// No check delays the restart once the pod has left its endpoints.
		if (sidecar.isLeaving() || (why === 'due' && now() < checkAt)) continue;
		const nextWait = await Promise.race([sidecar.check(why === 'due' ? undefined : why), end]);
		if (nextWait === 'stopped') break;
		checkAt = now() + nextWait;
	}
	await sidecar.end();
	return 'stopped';
}

/** Waits for the next check or step of a restart, for a request, or for the end. */
async function nextEvent(
	sidecar: Sidecar,
	checkAt: number,
	end: Promise<'stopped'>,
): Promise<'due' | 'stopped' | CheckRequest> {
	const timer = Promise.withResolvers<'due'>();
	const wakeAt = sidecar.isLeaving() ? sidecar.wakesAt() : Math.min(checkAt, sidecar.wakesAt());
	const timeout = setTimeout(timer.resolve, Math.max(0, wakeAt - now()), 'due');
	const requested = sidecar.isLeaving() ? [] : [sidecar.requests.next()];
	const why = await Promise.race([timer.promise, end, sidecar.rescheduled(), ...requested]);
	clearTimeout(timeout);
	return why;
}

type Sidecar = ReturnType<typeof openSidecar>;

/** Puts a sidecar together: checks and leases find changes, delivery and restarter bring them. */
function openSidecar(settings: Settings, log: Log) {
	const { address, ca, tlsName, proxy } = settings.vault;
	const transport = openTransport(endpointOf(address, { tlsName, proxy }), ca);
	const open = openOnce(settings, transport);
	const memory = openMemory(settings.privateDir);
	const notifier = openNotifier(settings, log, () => memory.save({ pending: undefined }));
	const requests = watchRequests({ file: settings.requestFile, served: memory.state().request });
	// The first fetch has already logged warnings about names and readers.
	const quiet = { ...log, warn: log.debug };
	const isRestarting = settings.onChange.kind === 'restart';
	/** Resolves when a lease may have brought a restart forward. */
	let rescheduled = Promise.withResolvers<'due'>();

	const delivery = openDelivery({
		...{ settings, log, quiet, memory },
		leases: () => leases,
		restarter: () => restarter,
	});
	const saveRestart = (restart: RestartMemory): void => {
		// In one step with the first lease: what is written and what is asked for belong together.
		memory.note({ restart, ...(restart.unheeded ? { pending: undefined } : {}) });
		if (restart.requested) leases.written();
		memory.save({});
	};
	const restarter: Restarter = isRestarting
		? openRestarter({
				...{ settings, log, memory: memory.state().restart },
				save: saveRestart,
				leave: () => leases.hurry(),
				settle: () => leases.hold(),
				prepare: () => void delivery.deliverAgain(),
			})
		: NO_RESTARTER;
	const notify = (): void => {
		const { pending } = memory.state();
		if (pending !== undefined && !isRestarting) notifier.notify(pending);
	};
	const checks = openChecks({
		...{ settings, log, quiet, memory, delivery, open },
		disconnect: transport.disconnect,
		isWaiting: () => Number.isFinite(restarter.wakesAt()),
		onChecked: notify,
	});
	const leases: LeaseKeeper = openLeaseKeeper({
		...{ settings, log, open, states: memory.state().leases },
		save: (states) => memory.save({ leases: states }),
		mintsFrom: () => wallClock() - now() + restarter.mayRestartAt(),
		ready: async () => {
			if (!delivery.hasRead()) await checks.checkOnce();
		},
		check: delivery.render,
		write: () => {
			if (!delivery.deliverAgain()) return;
			notify();
			rescheduled.resolve('due');
			rescheduled = Promise.withResolvers();
		},
	});

	return {
		start: leases.start,
		check: checks.check,
		requests,
		wakesAt: restarter.wakesAt,
		isLeaving: restarter.isLeaving,
		/** Does what is due for a restart. */
		proceed: async (): Promise<'nothing' | 'restart'> => {
			const result = await restarter.proceed();
			if (result !== 'failed') return result;
			// The next check, and the leases, prepare the files again.
			checks.forget();
			leases.notWritten();
			leases.release();
			return 'nothing';
		},
		rescheduled: () => rescheduled.promise,
		summary: () => ({ revision: memory.state().revision, uid: process.getuid?.() }),
		end: async (): Promise<void> => {
			notifier.close();
			restarter.close();
			requests.close();
			leases.stop();
			const { token } = memory.state();
			memory.save({ token: undefined, ended: true });
			const [revoked, { revoked: leasesRevoked, of }] = await Promise.all([
				token !== undefined && revokeToken(open(token), log, deadlineAfter(REVOCATION_TIMEOUT)),
				leases.revoke(REVOCATION_TIMEOUT),
			]);
			if (revoked) log.info('token revoked');
			if (of > 0) log.info('leases revoked', { leases: leasesRevoked, of });
		},
	};
}
