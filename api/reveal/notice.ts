import { request } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { readResponse } from '../../lib/http/response.ts';
import type { ListedElevation } from './elevation.ts';

/** Where notices of elevations go. */
export interface NoticeSettings {
	/** `https://…` */
	readonly url: string;
	/** PEM text; undefined: the CAs of the system. */
	readonly ca: string | undefined;
}

/** An elevation that was requested, or has started. */
export interface ElevationNotice extends Pick<ListedElevation, 'id' | 'subject' | 'reason' | 'approvedBy'> {
	readonly state: 'pending' | 'active';
	/** `deployments/shop`, or `orgs/acme` */
	readonly target: string;
	/** The managers of the deployment, as members: `user:ada`. */
	readonly managers: readonly string[];
	readonly requestedAt: string;
	/** How long it lasts, in seconds. */
	readonly seconds: number;
}

/** Sends a notice. Resolves also if nobody received it: then the log says so. */
export type SendNotice = (notice: ElevationNotice) => Promise<void>;

/** Time for one attempt, in ms. */
const TIMEOUT = 5_000;
/** Pauses before further attempts, in ms. */
const PAUSES = [1_000, 10_000, 60_000];
/** Maximum size of a response in bytes. It is not used. */
const ANSWER = 64 * 1024;

/**
 * Sends notices as JSON by POST, each at most four times. An elevation does not wait for its notice: whoever
 * receives them being away must not keep admins from an incident. The audit has every elevation.
 *
 * @param pauses before further attempts, in ms
 */
export function noticeSender(
	{ url, ca }: NoticeSettings,
	log: Logger,
	pauses: readonly number[] = PAUSES,
): SendNotice {
	/** Returns what went wrong; undefined if it was received. */
	const post = async (body: Buffer): Promise<string | undefined> => {
		const options = {
			method: 'POST',
			headers: { 'content-type': 'application/json' },
			signal: AbortSignal.timeout(TIMEOUT),
			...(ca === undefined ? {} : { ca }),
		};
		const tooLarge = (limit: number): Error => new Error(`the answer has more than ${limit} bytes`);
		try {
			const { status } = await readResponse(request(url, options), body, tooLarge, ANSWER);
			return status >= 200 && status < 300 ? undefined : `HTTP ${status}`;
		} catch (thrown) {
			return thrown instanceof Error ? thrown.message : 'unknown';
		}
	};
	return async (notice) => {
		const body = Buffer.from(JSON.stringify(notice));
		let problem = await post(body);
		for (const pause of pauses) {
			if (problem === undefined) return;
			await sleep(pause, undefined, { ref: false });
			problem = await post(body);
		}
		if (problem === undefined) return;
		log.error({ elevation: notice.id, problem }, 'the notice of an elevation was not delivered');
	};
}
