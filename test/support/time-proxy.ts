import type { IncomingMessage } from 'node:http';
import { Agent, createServer, request as forward } from 'node:https';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { OpenBao } from './openbao.ts';

/** What happens to one request. */
export type TimeProxyFault =
	| 'pass'
	/** OpenBao does not receive it, and there is no answer. */
	| 'hold'
	/** OpenBao does it, and there is no answer. */
	| 'hold-answer';

/**
 * A proxy in front of a real OpenBao whose clock can be put forward: the header Date, and the times of
 * everything that is written from then on.
 */
export interface TimeProxy extends AsyncDisposable {
	/** `https://127.0.0.1:port`. */
	readonly addr: string;
	/** Lets so many milliseconds pass, in whole seconds. */
	pass(ms: number): void;
	/**
	 * Decides about each request from now on, before OpenBao receives it; requests count from 1. It may do
	 * something first.
	 */
	setFault(fault: (number: number, step: string) => TimeProxyFault | Promise<TimeProxyFault>): void;
	/** `METHOD path` of every request since `setFault`. */
	steps(): readonly string[];
	/** Requests without an answer, by `hold` and `hold-answer`, since `setFault`. */
	held(): number;
	/** The same since the start. */
	seen(): readonly string[];
	/** The most requests with a method that were on their way at the same time, since `setFault`. */
	mostAtOnce(method: string): number;
	/** The header Date is left out from now on, or not. */
	leaveOutDate(left: boolean): void;
}

const TIMES = /"(created_time|updated_time|deletion_time)":"([^"]+)"/g;

/**
 * Starts a proxy.
 *
 * @param bao `authority` issues the certificate of the proxy; of an OpenBao that another process has started,
 * it is one of the test's own
 */
export async function startTimeProxy(bao: Pick<OpenBao, 'addr' | 'authority' | 'caPem'>): Promise<TimeProxy> {
	const leaf = await bao.authority.issue();
	const agent = new Agent({ keepAlive: true, ca: bao.caPem });
	/** A clock that tests with a wrong `Date` do not change. */
	const clock = (): number => performance.timeOrigin + performance.now();
	const shifts: { readonly at: number; readonly by: number }[] = [];
	const shiftAt = (time: number): number =>
		shifts.filter(({ at }) => at <= time).reduce((sum, { by }) => sum + by, 0);
	let faultOf: (number: number, step: string) => TimeProxyFault | Promise<TimeProxyFault> = () => 'pass';
	let steps: string[] = [];
	const seen: string[] = [];
	let dateless = false;
	let held = 0;
	const running = new Map<string, number>();
	const most = new Map<string, number>();

	const shifted = (time: string): string => {
		const at = Date.parse(time);
		if (Number.isNaN(at)) return time;
		// Whole seconds, so that the nanoseconds stay as they are.
		const seconds = new Date(at + shiftAt(at)).toISOString().slice(0, 19);
		return `${seconds}${/\.[0-9]+/.exec(time)?.[0] ?? ''}Z`;
	};
	const count = (method: string, change: 1 | -1): void => {
		const now = (running.get(method) ?? 0) + change;
		running.set(method, now);
		most.set(method, Math.max(most.get(method) ?? 0, now));
	};
	const server = createServer({ cert: leaf.certPem, key: leaf.keyPem }, (request, response) => {
		const { method = 'GET', url = '', headers, socket } = request;
		count(method, 1);
		response.on('close', () => count(method, -1));
		steps.push(`${method} ${url}`);
		seen.push(`${method} ${url}`);
		const number = steps.length;
		const answered = (answer: IncomingMessage, body: Buffer, fault: TimeProxyFault): void => {
			if (fault === 'hold-answer') {
				held += 1;
				return;
			}
			const { 'content-length': _length, date, ...rest } = answer.headers;
			if (dateless) response.sendDate = false;
			const at = Date.parse(date ?? '');
			const shown = dateless ? {} : { date: new Date(at + shiftAt(Number.POSITIVE_INFINITY)).toUTCString() };
			response.writeHead(answer.statusCode ?? 502, { ...rest, ...shown });
			response.end(
				body.toString().replace(TIMES, (_, name: string, time: string) => `"${name}":"${shifted(time)}"`),
			);
		};
		const handle = async (): Promise<void> => {
			const body = await buffer(request);
			const fault = await faultOf(number, `${method} ${url}`);
			if (fault === 'hold') {
				held += 1;
				return;
			}
			const onward = forward(`${bao.addr}${url}`, { method, headers, agent }, async (answer) =>
				answered(answer, await buffer(answer), fault),
			);
			onward.on('error', () => socket.destroy());
			onward.end(body);
		};
		handle().catch(() => socket.destroy());
	});
	await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
	return {
		addr: `https://127.0.0.1:${(server.address() as AddressInfo).port}`,
		pass: (ms) => void shifts.push({ at: clock(), by: Math.floor(ms / 1000) * 1000 }),
		setFault: (fault) => {
			faultOf = fault;
			steps = [];
			most.clear();
			held = 0;
		},
		held: () => held,
		steps: () => steps,
		seen: () => seen,
		mostAtOnce: (method) => most.get(method) ?? 0,
		leaveOutDate: (left) => {
			dateless = left;
		},
		[Symbol.asyncDispose]: () =>
			new Promise((resolve) => {
				server.close(() => resolve());
				server.closeAllConnections();
				agent.destroy();
			}),
	};
}
