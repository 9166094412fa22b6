import { createServer, type ServerResponse } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { type AnswerLimits, limitAnswers } from '../../lib/http/answers.ts';
import { until } from '../support/until.ts';
import { socketKeeper } from '../webhook/support/wire.ts';

/** More than the sockets of both sides hold. */
const LONG = 16 * 1024 * 1024;

const { keep, close } = socketKeeper();
afterEach(close);

/** A server with long answers. */
async function serve(limits: AnswerLimits) {
	const answers: ServerResponse[] = [];
	const limit = limitAnswers(limits);
	const server = createServer((_request, response) => {
		answers.push(response);
		limit(response, LONG);
		response.end(Buffer.alloc(LONG));
	});
	await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
	const { port } = server.address() as AddressInfo;
	/** A client that sends a request and does not read the answer until it is resumed. */
	const ask = async (): Promise<Socket> => {
		const before = answers.length;
		const socket = keep(connect({ host: '127.0.0.1', port }));
		socket.pause();
		socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
		await until('the request to arrive', () => answers.length > before);
		return socket;
	};
	return {
		ask,
		answers,
		[Symbol.asyncDispose]: async () => {
			server.closeAllConnections();
			await new Promise((resolve) => server.close(resolve));
		},
	};
}

const gone = (answers: readonly ServerResponse[]): readonly boolean[] =>
	answers.map(({ closed, writableFinished }) => closed && !writableFinished);

test('a client that never reads its answer is disconnected when the time is over', async () => {
	await using server = await serve({ bytes: 4 * LONG, time: 100 });
	await server.ask();
	await until('its connection to be closed', () => gone(server.answers)[0] === true);
});

test('beyond the limit the client that has taken longest is disconnected; one alone may have more', async () => {
	await using server = await serve({ bytes: LONG / 2, time: 60_000 });
	await server.ask();
	expect(gone(server.answers)).toEqual([false]);
	await server.ask();
	await until('the first to be closed', () => gone(server.answers)[0] === true);
	expect(gone(server.answers)).toEqual([true, false]);
});

test('an answer that the client has read no longer counts', async () => {
	await using server = await serve({ bytes: LONG, time: 60_000 });
	for (let i = 0; i < 3; i += 1) {
		(await server.ask()).resume();
		await until('it to be read', () => server.answers[i]?.writableFinished === true);
	}
	await server.ask();
	expect(gone(server.answers)).toEqual([false, false, false, false]);
});
