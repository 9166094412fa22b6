/**
 * Runs inside the node's namespaces and gives access to its addresses: listens on the Unix socket in its
 * argument, reads one line `host port`, connects there and forwards bytes both ways.
 */
import { connect, createServer, type Socket } from 'node:net';
import process from 'node:process';

const LINE_MAX = 300;

function serve(client: Socket): void {
	client.on('error', () => client.destroy());
	let head = '';
	const onData = (chunk: Buffer): void => {
		const newline = chunk.indexOf(0x0a);
		head += chunk.toString('latin1', 0, newline < 0 ? chunk.length : newline);
		if (newline < 0 && head.length < LINE_MAX) return;
		client.off('data', onData);
		client.pause();
		if (newline < chunk.length - 1) client.unshift(chunk.subarray(newline + 1));
		const [host = '', port = ''] = head.split(' ');
		const target = connect({ host, port: Number(port), allowHalfOpen: true });
		target.on('error', () => client.destroy());
		target.on('close', () => client.destroy());
		client.on('close', () => target.destroy());
		target.on('connect', () => {
			client.pipe(target);
			target.pipe(client);
		});
	};
	client.on('data', onData);
}

const [, , path] = process.argv;
createServer({ allowHalfOpen: true }, serve).listen(path, () => process.stdout.write('listening\n'));
