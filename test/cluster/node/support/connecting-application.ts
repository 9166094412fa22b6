/**
 * An application that reads DATABASE_URL once, and logs in to PostgreSQL each second. It runs in an image
 * that has Node and no client of PostgreSQL, so it has the start of the protocol itself (PostgreSQL, "Message
 * Flow", and SCRAM-SHA-256, RFC 5802). `toString` gives its program, so it uses nothing outside of the
 * function.
 */
export function connectingApplication(): void {
	const { createHash, createHmac, pbkdf2Sync, randomBytes } = process.getBuiltinModule('node:crypto');
	const { connect } = process.getBuiltinModule('node:net');
	const url = new URL(process.env['DATABASE_URL'] ?? '');
	const [user, password] = [url.username, url.password].map(decodeURIComponent) as [string, string];

	const number = (value: number): Buffer => {
		const bytes = Buffer.alloc(4);
		bytes.writeInt32BE(value);
		return bytes;
	};
	const message = (type: string, ...parts: readonly Buffer[]): Buffer => {
		const body = Buffer.concat(parts);
		return Buffer.concat([Buffer.from(type), number(body.length + 4), body]);
	};
	const hmac = (key: Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

	const proofOf = (nonce: string, first: string): string => {
		const parts = new Map(first.split(',').map((part) => [part.charAt(0), part.slice(2)]));
		const salt = Buffer.from(parts.get('s') ?? '', 'base64');
		const key = hmac(pbkdf2Sync(password, salt, Number(parts.get('i')), 32, 'sha256'), 'Client Key');
		const final = `c=biws,r=${parts.get('r')}`;
		const stored = createHash('sha256').update(key).digest();
		const signature = hmac(stored, `n=,r=${nonce},${first},${final}`);
		return `${final},p=${Buffer.from(key.map((byte, at) => byte ^ (signature[at] ?? 0))).toString('base64')}`;
	};

	const logIn = (): Promise<void> => {
		const { promise, resolve, reject } = Promise.withResolvers<void>();
		const nonce = randomBytes(18).toString('base64');
		const socket = connect(Number(url.port), url.hostname);
		const fail = (why: string): void => {
			socket.destroy();
			reject(new Error(why));
		};
		const authenticate = (code: number, text: string): void => {
			if (code === 10) {
				const first = Buffer.from(`n,,n=,r=${nonce}`);
				socket.write(message('p', Buffer.from('SCRAM-SHA-256\0'), number(first.length), first));
			} else if (code === 11) socket.write(message('p', Buffer.from(proofOf(nonce, text))));
			else if (code === 0) {
				socket.end(message('X'));
				resolve();
			}
		};
		let buffer: Buffer = Buffer.alloc(0);
		socket.setTimeout(5_000, () => fail('timeout'));
		socket.on('error', (error) => fail(error.message));
		socket.on('connect', () =>
			socket.write(message('', number(196_608), Buffer.from(`user\0${user}\0database\0postgres\0\0`))),
		);
		socket.on('data', (data: Buffer) => {
			buffer = Buffer.concat([buffer, data]);
			while (buffer.length >= 5 && buffer.length > buffer.readInt32BE(1)) {
				const end = buffer.readInt32BE(1) + 1;
				const [type, body] = [buffer.toString('latin1', 0, 1), buffer.subarray(5, end)];
				if (type === 'E') fail(body.toString().replaceAll('\0', ' '));
				if (type === 'R') authenticate(body.readInt32BE(), body.toString('utf8', 4));
				buffer = buffer.subarray(end);
			}
		});
		return promise;
	};

	const report = (): Promise<unknown> =>
		logIn().then(
			() => process.stdout.write(`connected ${user}\n`),
			(why: unknown) => process.stdout.write(`failed ${user}: ${String(why)}\n`),
		);
	process.on('SIGTERM', () => process.exit(0));
	void report();
	setInterval(() => void report(), 1_000);
}
