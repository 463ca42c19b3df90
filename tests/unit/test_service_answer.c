// SPDX-License-Identifier: Apache-2.0
/* Answers of the protocols that show errors, told by their first bytes, and what is none of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/rng.h"
#include "bpf/service_answer.h"

#define TEXT(text) (text), sizeof(text) - 1

/* The verdict on an answer of that size that begins so, and, if it is not NULL, of a connection that speaks something. */
static enum answer_verdict judge(const void *bytes, size_t n, size_t size, uint32_t *protocol)
{
	struct answer answer = { .size = size, .protocol = protocol ? *protocol : ANSWER_UNKNOWN };
	enum answer_verdict verdict;

	memcpy(answer.bytes, bytes, n < ANSWER_BYTES ? n : ANSWER_BYTES);
	verdict = answer_judge(&answer);
	if (protocol)
		*protocol = answer.protocol;
	return verdict;
}

static void expect(const void *bytes, size_t size, enum answer_protocol protocol,
		   enum answer_verdict verdict)
{
	uint32_t is = ANSWER_UNKNOWN;

	if (judge(bytes, size, size, &is) != verdict || is != protocol)
		fail_msg("'%.*s' is not taken for what it is, but for %u", (int)size,
			 (const char *)bytes, is);
}

static void a_status_of_500_and_more_is_an_error_of_http(void **state)
{
	(void)state;
	expect(TEXT("HTTP/1.1 200 OK\r\n\r\n"), ANSWER_HTTP, ANSWER_FINE);
	expect(TEXT("HTTP/1.0 302 Found\r\n\r\n"), ANSWER_HTTP, ANSWER_FINE);
	expect(TEXT("HTTP/1.1 404 Not Found\r\n\r\n"), ANSWER_HTTP, ANSWER_FINE);
	expect(TEXT("HTTP/1.1 499 \r\n\r\n"), ANSWER_HTTP, ANSWER_FINE);
	expect(TEXT("HTTP/1.1 500 Internal Server Error\r\n"), ANSWER_HTTP, ANSWER_ERROR);
	expect(TEXT("HTTP/1.1 599\r\n\r\n"), ANSWER_HTTP, ANSWER_ERROR);
	expect(TEXT("HTTP/1.1 600 \r\n\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("HTTP/1.1 5xx \r\n\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("HTTP/2 500 what"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("HTTP/1.1 5"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
}

static void what_memcached_calls_an_error_is_one(void **state)
{
	uint32_t speaks = ANSWER_MEMCACHED;

	(void)state;
	expect(TEXT("VALUE a 0 1\r\nx\r\nEND\r\n"), ANSWER_MEMCACHED, ANSWER_FINE);
	expect(TEXT("END\r\n"), ANSWER_MEMCACHED, ANSWER_FINE);
	expect(TEXT("STORED\r\n"), ANSWER_MEMCACHED, ANSWER_FINE);
	expect(TEXT("NOT_FOUND\r\n"), ANSWER_MEMCACHED, ANSWER_FINE);
	expect(TEXT("CLIENT_ERROR bad data chunk\r\n"), ANSWER_MEMCACHED, ANSWER_FINE);
	expect(TEXT("SERVER_ERROR out of memory storing object\r\n"), ANSWER_MEMCACHED,
	       ANSWER_ERROR);
	expect(TEXT("ERROR\r\n"), ANSWER_MEMCACHED, ANSWER_ERROR);
	/* Numbers, and OK, are anybody's. */
	expect(TEXT("7\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("OK\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("ERROR\r\nand more"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	assert_int_equal(judge("7\r\n", 3, 3, &speaks), ANSWER_FINE);
	assert_int_equal(judge("OK\r\n", 4, 4, &speaks), ANSWER_FINE);
	assert_int_equal(judge("-ERR no\r\n", 9, 9, &speaks), ANSWER_UNSEEN);
}

static void a_reply_with_a_minus_is_an_error_of_redis(void **state)
{
	(void)state;
	expect(TEXT("+OK\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT(":1000\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT(":-1\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT("$5\r\nhello\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT("$-1\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT("*2\r\n$1\r\na\r\n$1\r\nb\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT("%7\r\n$6\r\nserver\r\n"), ANSWER_REDIS, ANSWER_FINE);
	expect(TEXT("-ERR unknown command 'x', with args beginning with: \r\n"), ANSWER_REDIS,
	       ANSWER_ERROR);
	expect(TEXT("-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
	       ANSWER_REDIS, ANSWER_ERROR);
	expect(TEXT("-NOAUTH\r\n"), ANSWER_REDIS, ANSWER_ERROR);
	expect(TEXT("-1\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("-er\x01\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("-ER\x01\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("$5x\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("+\r\n"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
}

static void an_err_packet_is_an_error_of_mysql(void **state)
{
	static const char err[] = "\x18\x00\x00\x01\xff\x48\x04#HY000No tables used";
	static const char columns[] = "\x01\x00\x00\x01\x01\x27\x00\x00\x02\x03"
				      "def\0\0\0\x15@@version_comment limit 1\0";

	(void)state;
	expect(TEXT(err), ANSWER_UNKNOWN, ANSWER_UNSEEN); /* its length is wrong */
	expect(TEXT("\x16\x00\x00\x01\xff\x48\x04#HY000No table used"), ANSWER_MYSQL, ANSWER_ERROR);
	expect(TEXT("\x15\x00\x00\x01\xff\x48\x04#HY000No table used"), ANSWER_UNKNOWN,
	       ANSWER_UNSEEN); /* and more behind it */
	expect(TEXT("\x16\x00\x00\x01\xff\x48\x04#hy00?No table used"), ANSWER_UNKNOWN,
	       ANSWER_UNSEEN);
	expect(TEXT("\x07\x00\x00\x01\x00\x00\x00\x02\x00\x00\x00"), ANSWER_MYSQL, ANSWER_FINE);
	expect(TEXT("\x07\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00"), ANSWER_MYSQL, ANSWER_FINE);
	expect(TEXT("\x08\x00\x00\x02\x00\x00\x00\x02\x00\x00\x00"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT(columns), ANSWER_MYSQL, ANSWER_FINE);
	expect(TEXT("\x02\x00\x00\x02\x01\x03\x07\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00"),
	       ANSWER_MYSQL, ANSWER_FINE);
	expect(TEXT("\x0c\x00\x00\x01\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x17\x00\x00"
		    "\x02"
		    "\x03"
		    "def\0\0\0\x01?\0"),
	       ANSWER_MYSQL, ANSWER_FINE);
}

static void an_error_response_is_an_error_of_postgres(void **state)
{
	static const char error[] = "E\0\0\0\x20SERROR\0VERROR\0C42P01\0Mnone\0\0";
	static const char both[] = "E\0\0\0\x20SERROR\0VERROR\0C42P01\0Mnone\0\0Z\0\0\0\x05I";
	static const char bound[] = "1\0\0\0\x04"
				    "2\0\0\0\x04"
				    "E\0\0\0\x20SERROR\0VERROR\0C22012\0Mzero\0\0Z\0\0\0\x05I";

	(void)state;
	expect(error, 0x21, ANSWER_POSTGRES, ANSWER_ERROR);
	expect(both, 0x27, ANSWER_POSTGRES, ANSWER_ERROR);
	expect(bound, 0x31, ANSWER_POSTGRES, ANSWER_ERROR);
	expect(both, 0x26, ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("E\0\0\0\x20XERROR\0VERROR\0C42P01\0Mnone\0\0"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("R\0\0\0\x08\0\0\0\0S\0\0\0\x16"
		    "application_name\0\0"),
	       ANSWER_POSTGRES, ANSWER_FINE);
	expect(TEXT("T\0\0\0\x21\0\x01?column?"
		    "\0\0\0\0\0\0\0\0\0\0\x17\0\x04\xff\xff\xff\xff\0\0D\0\0\0"
		    "\x0b\0\x01\0\0\0\x01"
		    "1C\0\0\0\x0dSELECT 1\0Z\0\0\0\x05I"),
	       ANSWER_POSTGRES, ANSWER_FINE);
	expect(TEXT("C\0\0\0\x0a"
		    "BEGIN\0Z\0\0\0\x05T"),
	       ANSWER_POSTGRES, ANSWER_FINE);
	expect(TEXT("1\0\0\0\x04"
		    "2\0\0\0\x04"
		    "C\0\0\0\x0a"
		    "BEGIN\0Z\0\0\0\x05T"),
	       ANSWER_POSTGRES, ANSWER_FINE);
	expect(TEXT("Error"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("E is a letter, and no error"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
}

static void what_a_connection_speaks_it_speaks_on(void **state)
{
	uint32_t speaks = ANSWER_UNKNOWN;

	(void)state;
	assert_int_equal(judge(TEXT("HTTP/1.1 101 Switching Protocols\r\n"), 60, &speaks),
			 ANSWER_FINE);
	assert_int_equal(speaks, ANSWER_HTTP);
	assert_int_equal(judge(TEXT("-ERR no\r\n"), 9, &speaks), ANSWER_UNSEEN);
	assert_int_equal(judge(TEXT("\x81\x05hello"), 7, &speaks), ANSWER_UNSEEN);
	assert_int_equal(speaks, ANSWER_HTTP);
}

static void what_is_encrypted_is_not_seen(void **state)
{
	(void)state;
	expect(TEXT("\x16\x03\x03\x00\x7a\x02\x00\x00\x76\x03\x03"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("\x17\x03\x03\x00\x45\xff\x45\x53#HY000"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("N"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT("S"), ANSWER_UNKNOWN, ANSWER_UNSEEN);
	expect(TEXT(""), ANSWER_UNKNOWN, ANSWER_UNSEEN);
}

/* Two million answers of up to 255 bytes, each of a connection of its own; and such as begin as an error does. */
static void random_bytes_are_no_error(void **state)
{
	static const char first[] = { 'E', '-', '\xff', 'H', 'S' };
	uint8_t bytes[ANSWER_BYTES];
	unsigned int fine = 0;
	struct rng rng;

	(void)state;
	rng_init(&rng, 1);
	for (int i = 0; i < 2000000; i++) {
		for (size_t j = 0; j < sizeof(bytes); j += 8)
			memcpy(bytes + j, &(uint64_t){ rng_next(&rng) }, 8);
		if (i % 2)
			bytes[i % 4 == 1 ? 0 : 4] = (uint8_t)first[i % ARRAY_SIZE(first)];
		switch (judge(bytes, sizeof(bytes), rng_next(&rng) % 256, NULL)) {
		case ANSWER_ERROR:
			fail_msg("random bytes are taken for an error");
		case ANSWER_FINE:
			fine++;
			break;
		default:
			break;
		}
	}
	assert_true(fine <= 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_status_of_500_and_more_is_an_error_of_http),
		cmocka_unit_test(what_memcached_calls_an_error_is_one),
		cmocka_unit_test(a_reply_with_a_minus_is_an_error_of_redis),
		cmocka_unit_test(an_err_packet_is_an_error_of_mysql),
		cmocka_unit_test(an_error_response_is_an_error_of_postgres),
		cmocka_unit_test(what_a_connection_speaks_it_speaks_on),
		cmocka_unit_test(what_is_encrypted_is_not_seen),
		cmocka_unit_test(random_bytes_are_no_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
