/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Whether an answer says that it is an error, by its first bytes, in the protocols that show it in clear:
 *
 *     HTTP/1        a status of 500 and more (400 to 499 are the client's errors)
 *     memcached     SERVER_ERROR, ERROR (CLIENT_ERROR is the client's)
 *     Redis         a reply of the type `-`
 *     MySQL         an ERR packet (MariaDB, too)
 *     PostgreSQL    an ErrorResponse; before it only what has no contents
 *
 * Nobody says which protocol a connection speaks: the first answer that fits one frame of it as a whole decides, and from then on
 * an answer is of that protocol or not seen. What only says that all is well may then be recognised by less.
 *
 * Pure functions of bytes, in the kernel and in tests alike.
 */
#ifndef FLYBALL_BPF_SERVICE_ANSWER_H
#define FLYBALL_BPF_SERVICE_ANSWER_H

#ifndef __bpf__
#include <stdbool.h>
#endif
#include <stdint.h>

#define ANSWER_BYTES 32 /* that are looked at */

enum answer_protocol {
	ANSWER_UNKNOWN,
	ANSWER_HTTP,
	ANSWER_MEMCACHED,
	ANSWER_REDIS,
	ANSWER_MYSQL,
	ANSWER_POSTGRES,
	ANSWER_PROTOCOL_COUNT,
};

enum answer_verdict {
	ANSWER_UNSEEN, /* not looked at, or of no protocol that is known here */
	ANSWER_FINE,
	ANSWER_ERROR,
	ANSWER_VERDICT_COUNT,
};

struct answer {
	union {
		uint8_t bytes
			[2 *
			 ANSWER_BYTES]; /* zeroes behind its end; a second part may lie behind a first */
		uint64_t word;          /* the first eight; x86-64 has the first lowest */
	};
	uint64_t size;     /* of the whole send */
	uint32_t protocol; /* of the connection: ANSWER_UNKNOWN until an answer has shown it */
	uint32_t known;    /* 1 = it speaks the protocol that is asked about */
};

/* The first eight bytes of a text as `word` has them, at compile time. */
#define ANSWER_AT(text, i) \
	((i) < sizeof(text) - 1 ? (uint64_t)(uint8_t)(text)[(i) % sizeof(text)] << 8 * (i) : 0)
#define ANSWER_WORD(text)                                                                    \
	(ANSWER_AT(text, 0) | ANSWER_AT(text, 1) | ANSWER_AT(text, 2) | ANSWER_AT(text, 3) | \
	 ANSWER_AT(text, 4) | ANSWER_AT(text, 5) | ANSWER_AT(text, 6) | ANSWER_AT(text, 7))
#define ANSWER_MASK(text) (~0ull >> (sizeof(text) > 8 ? 0 : 8 * (9 - sizeof(text))))
#define ANSWER_BEGINS(answer, text) \
	(((answer)->word & ANSWER_MASK(text)) == (ANSWER_WORD(text) & ANSWER_MASK(text)))

static inline bool answer_is_digit(uint8_t byte)
{
	return byte >= '0' && byte <= '9';
}

static inline bool answer_is_upper(uint8_t byte)
{
	return byte >= 'A' && byte <= 'Z';
}

static inline uint32_t answer_be32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static inline uint32_t answer_le24(const uint8_t *bytes)
{
	return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

/* `HTTP/1.1 503 Service Unavailable`: the number's three digits and what ends them. */
static inline enum answer_verdict answer_http(const struct answer *answer)
{
	const uint8_t *b = answer->bytes;

	if (!ANSWER_BEGINS(answer, "HTTP/1.") || !answer_is_digit(b[7]) || b[8] != ' ' ||
	    b[9] < '1' || b[9] > '5' || !answer_is_digit(b[10]) || !answer_is_digit(b[11]) ||
	    (b[12] != ' ' && b[12] != '\r'))
		return ANSWER_UNSEEN;
	return b[9] == '5' ? ANSWER_ERROR : ANSWER_FINE;
}

/* `SERVER_ERROR out of memory`; `ERROR` alone is told from a text of another protocol by the connection's earlier answers, or its end. */
static inline enum answer_verdict answer_memcached(const struct answer *answer)
{
	if (ANSWER_BEGINS(answer, "SERVER_E") && answer->bytes[12] == ' ')
		return ANSWER_ERROR;
	if (ANSWER_BEGINS(answer, "ERROR\r\n") && (answer->known || answer->size == 7))
		return ANSWER_ERROR;
	if (ANSWER_BEGINS(answer, "VALUE ") || ANSWER_BEGINS(answer, "END\r\n") ||
	    ANSWER_BEGINS(answer, "STORED\r\n") || ANSWER_BEGINS(answer, "NOT_STOR") ||
	    ANSWER_BEGINS(answer, "EXISTS\r\n") || ANSWER_BEGINS(answer, "NOT_FOUN") ||
	    ANSWER_BEGINS(answer, "DELETED\r") || ANSWER_BEGINS(answer, "TOUCHED\r") ||
	    ANSWER_BEGINS(answer, "CLIENT_E") || ANSWER_BEGINS(answer, "VERSION ") ||
	    ANSWER_BEGINS(answer, "STAT ") || ANSWER_BEGINS(answer, "EN\r\n") ||
	    ANSWER_BEGINS(answer, "HD\r\n") || ANSWER_BEGINS(answer, "NF\r\n"))
		return ANSWER_FINE;
	if (answer->known &&
	    (answer_is_digit(answer->bytes[0]) || ANSWER_BEGINS(answer, "OK\r\n") ||
	     ANSWER_BEGINS(answer, "VA ") || ANSWER_BEGINS(answer, "HD ") ||
	     ANSWER_BEGINS(answer, "NS\r\n") || ANSWER_BEGINS(answer, "EX\r\n")))
		return ANSWER_FINE;
	return ANSWER_UNSEEN;
}

/* Where the line ends; `of_digits`: and nothing else is in it. 0 = it does not, or has what no text has. */
static inline uint32_t answer_line(const struct answer *answer, bool of_digits)
{
	for (uint32_t i = 1; i < ANSWER_BYTES - 1; i++) {
		const uint8_t byte = answer->bytes[i];

		if (byte == '\r')
			return answer->bytes[i + 1] == '\n' ? i : 0;
		if (byte < ' ' || byte > '~')
			return 0;
		if (of_digits && !answer_is_digit(byte) && (byte != '-' || i != 1))
			return 0;
	}
	return of_digits ? 0 : ANSWER_BYTES;
}

/* RESP: a byte for the type, and a line. `-ERR unknown command`, `+OK`, `:1000`, `$5`, `*2`, of version 3 `%2`, `~3`, `_`. */
static inline enum answer_verdict answer_redis(const struct answer *answer)
{
	const uint8_t *b = answer->bytes;
	uint32_t end;

	switch (b[0]) {
	case '-':
		if (!answer_is_upper(b[1]) || !answer_is_upper(b[2]))
			return ANSWER_UNSEEN;
		return answer_line(answer, false) ? ANSWER_ERROR : ANSWER_UNSEEN;
	case '+':
		end = answer_line(answer, false);
		return end > 1 && (end < ANSWER_BYTES || answer->known) ? ANSWER_FINE
									: ANSWER_UNSEEN;
	case ':':
	case '$':
	case '*':
	case '%':
	case '~':
		return answer_line(answer, true) > 1 ? ANSWER_FINE : ANSWER_UNSEEN;
	case '_':
	case '#':
	case ',':
	case '(':
	case '>':
		return answer->known ? ANSWER_FINE : ANSWER_UNSEEN;
	default:
		return ANSWER_UNSEEN;
	}
}

/* The five characters after the `#` of an ERR packet. */
static inline bool answer_is_sqlstate(const uint8_t *b)
{
	for (uint32_t i = 1; i <= 5; i++)
		if (!answer_is_digit(b[i]) && !answer_is_upper(b[i]))
			return false;
	return b[0] == '#';
}

/* A first packet of a server whose length, number and contents fit: OK, the number of columns, a change of how to log in. */
static inline bool answer_is_mysql(const struct answer *answer, uint32_t length)
{
	const uint8_t *b = answer->bytes;
	const bool alone = length + 4 == answer->size;

	if (b[4] == 0x00 && length >= 7 && alone)
		return true; /* OK */
	if (b[4] == 0x00 && length == 12 && b[3] == 1 && b[19] == 2)
		return true; /* a prepared statement, with more behind */
	if (b[4] == 0xfe && b[3] == 2 && length > 1 && b[5] >= 'a' && b[5] <= 'z' && alone)
		return true; /* another way to log in, by its name */
	if (b[4] == 0x01 && length == 2 && b[3] == 2 && (b[5] == 3 || b[5] == 4))
		return alone || b[9] == 3; /* a word of a login, perhaps with the OK */
	return length == 1 && b[3] == 1 && b[4] && b[8] == 2 && b[9] == 3 && b[10] == 'd' &&
	       b[11] == 'e' && b[12] == 'f'; /* columns, the first of the catalogue "def" */
}

/* Three bytes of length, the packet's number, its contents: 0xff, the error's number, `#`, five characters. */
static inline enum answer_verdict answer_mysql(const struct answer *answer)
{
	const uint8_t *b = answer->bytes;
	const uint32_t length = answer_le24(b);

	if (length == 0 || b[3] == 0 || length + 4 > answer->size)
		return ANSWER_UNSEEN;
	if (b[4] == 0xff && length + 4 == answer->size && length >= 9 && answer_is_sqlstate(b + 7))
		return ANSWER_ERROR;
	return answer->known || answer_is_mysql(answer, length) ? ANSWER_FINE : ANSWER_UNSEEN;
}

/* What begins an answer, or ends one: a command's tag, rows' description, a login's step. */
static inline bool answer_is_postgres(const struct answer *answer, uint32_t length)
{
	const uint8_t *b = answer->bytes;

	switch (b[0]) {
	case 'R':
		return length >= 8 && length < 4096 && answer_be32(b + 5) <= 12;
	case 'T': /* a field takes 19 bytes at least */
		return b[5] < 7 && length >= 6 + 19u * ((uint32_t)b[5] << 8 | b[6]);
	case 'C': /* and the state of the session */
		return answer_is_upper(b[5]) && answer_is_upper(b[6]) &&
		       length + 7ull == answer->size;
	case 'N':
		return length >= 12 && b[5] == 'S' && b[6] >= ' ';
	case 'I':
		return length == 4 && answer->size == 11; /* likewise */
	case 'Z':
		return length == 5 && (b[5] == 'I' || b[5] == 'T' || b[5] == 'E');
	case '1':
	case '2':
	case '3':
	case 'n':
		return length == 4;
	default:
		return false;
	}
}

/* Skips messages without contents: a statement parsed or closed, parameters bound, no rows to come. Returns where the next one is. */
static inline uint32_t answer_skip(const struct answer *answer)
{
	uint32_t at = 0;

	for (uint32_t i = 0; i < 3; i++) {
		const uint8_t *b = answer->bytes + at;

		if ((b[0] == '1' || b[0] == '2' || b[0] == '3' || b[0] == 'n') &&
		    answer_be32(b + 1) == 4)
			at += 5;
	}
	return at;
}

/* A byte for the type, four of length, which count themselves: `E`, the length, `S`, the severity. Then `Z`, six bytes, may come. */
static inline enum answer_verdict answer_postgres(const struct answer *answer)
{
	const uint32_t at = answer_skip(answer);
	const uint8_t *b = answer->bytes + at;
	const uint32_t length = answer_be32(b + 1);
	const uint64_t end = at + 1ull + length;

	if (b[0] == 'E' && length >= 12 && length < 1u << 20 && b[5] == 'S' && b[6] >= ' ' &&
	    (end == answer->size || end + 6 == answer->size ||
	     (answer->known && end < answer->size)))
		return ANSWER_ERROR;
	if (answer_be32(answer->bytes + 1) < 4 ||
	    answer_be32(answer->bytes + 1) + 1ull > answer->size)
		return ANSWER_UNSEEN;
	return answer->known || answer_is_postgres(answer, answer_be32(answer->bytes + 1))
		       ? ANSWER_FINE
		       : ANSWER_UNSEEN;
}

/* The verdict on an answer of that protocol. */
static inline enum answer_verdict answer_of(const struct answer *answer, uint32_t protocol)
{
	switch (protocol) {
	case ANSWER_HTTP:
		return answer_http(answer);
	case ANSWER_MEMCACHED:
		return answer_memcached(answer);
	case ANSWER_REDIS:
		return answer_redis(answer);
	case ANSWER_MYSQL:
		return answer_mysql(answer);
	case ANSWER_POSTGRES:
		return answer_postgres(answer);
	default:
		return ANSWER_UNSEEN;
	}
}

/* That on an answer of a connection, which may show its protocol. */
static inline enum answer_verdict answer_judge(struct answer *answer)
{
	enum answer_verdict verdict = ANSWER_UNSEEN;
	uint32_t is = answer->protocol;

	answer->known = is != ANSWER_UNKNOWN;
	if (answer->known)
		return answer_of(answer, is);
	while (verdict == ANSWER_UNSEEN && ++is < ANSWER_PROTOCOL_COUNT)
		verdict = answer_of(answer, is);
	if (verdict != ANSWER_UNSEEN)
		answer->protocol = is;
	return verdict;
}

#endif
