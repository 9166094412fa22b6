/** What a person can mend: its message says what failed and what to do. Anything else that is thrown is a defect. */
export class CertsFailure extends Error {
	override readonly name = 'CertsFailure';
}
