import { err, ok, type Result } from './result.ts';
import type { Parse } from './values.ts';

const BEGIN = '-----BEGIN CERTIFICATE-----';
const END = '-----END CERTIFICATE-----';
const BLOCK = /-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----/g;
/** A bundle of all public CAs is about a quarter of this limit. */
const MAX_CHARACTERS = 1024 * 1024;
/** Base64 of "-----BEGIN ". */
const ENCODED = 'LS0tLS1CRUdJTi';
/** OpenSSL reads lines of up to 76 characters; RFC 7468, section 2, writes 64. */
const LINE = /.{1,64}/g;

/**
 * True for one DER SEQUENCE whose length is the length in its header (X.690, 8.1.3). Every certificate is
 * one. Does not load Node's certificate parser, which would take as much time as a request at every start of
 * the fetcher.
 */
function isSequence(der: Buffer): boolean {
	const [tag, short = 0] = der;
	if (tag !== 0x30) return false;
	if (short < 0x80) return der.length === 2 + short;
	const bytes = short & 0x7f;
	if (bytes === 0 || bytes > 4 || der.length <= 2 + bytes) return false;
	return der.length === 2 + bytes + der.readUIntBE(2, bytes);
}

/** The error for a text without a PEM block. Completes the sentence "NAME must be …". */
function notPem(text: string): string {
	const encoded = text.replace(/\s/g, '');
	if (encoded.startsWith(ENCODED))
		return 'PEM text of certificates; this is base64 of PEM text: decode it first, as "base64 -d" does';
	if (/^MII[A-Za-z0-9+/]+=*$/.test(encoded))
		return `PEM text of certificates; this is the base64 of one without the lines "${BEGIN}" and "${END}"`;
	return 'PEM text of certificates';
}

/**
 * Parses the certificates of a PEM text. Returns one PEM block for each, without the text between them.
 * Accepts common damage: blocks without a line break between them (`cat a.pem b.pem`), missing line breaks,
 * spaces instead of line breaks, CRLF, a byte order mark. The error completes the sentence "NAME must be …".
 * It does not contain the text.
 */
export const parseCertificates: Parse<readonly string[]> = (text) => {
	if (text.includes('PRIVATE KEY-----'))
		return err('PEM text of certificates without a private key: what holds it may be shown to others');
	if (text.length > MAX_CHARACTERS)
		return err(`PEM text of certificates, at most ${MAX_CHARACTERS} characters`);
	const blockCount = text.split('-----BEGIN ').length - 1;
	if (blockCount === 0) return err(notPem(text));
	const blocks = [...text.matchAll(BLOCK)].map(([, body = '']) => body);
	if (blocks.some((body) => body.includes('\\n')))
		return err('PEM text of certificates with line breaks; this one has "\\n" in their place');
	if (blocks.length !== blockCount) return err('PEM text of certificates, each of them whole');
	return formatBodies(blocks.map((body) => body.replace(/\s/g, '')));
};

/**
 * Formats each body as a PEM block with lines of 64 characters. The error names a block without a
 * certificate.
 */
function formatBodies(bodies: readonly string[]): Result<readonly string[]> {
	const wrong = bodies.findIndex(
		(body) => !/^[A-Za-z0-9+/]+={0,2}$/.test(body) || !isSequence(Buffer.from(body, 'base64')),
	);
	if (wrong !== -1) {
		const which = bodies.length === 1 ? 'its PEM block' : `PEM block ${wrong + 1} of its ${bodies.length}`;
		return err(`PEM text of certificates: ${which} is none`);
	}
	return ok(bodies.map((body) => `${BEGIN}\n${body.match(LINE)?.join('\n')}\n${END}\n`));
}

/**
 * Parses one or more PEM certificates as `parseCertificates` does. Returns them in a form that every PEM
 * reader accepts.
 */
export const parseCaBundle: Parse<string> = (text) => {
	const certificates = parseCertificates(text);
	return certificates.ok ? ok(certificates.value.join('')) : certificates;
};
