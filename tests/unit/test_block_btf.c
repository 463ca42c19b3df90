// SPDX-License-Identifier: Apache-2.0
/* The shapes of block_rq_issue, in type information made up like that of kernels before and after 5.11. */
#include "observer/block_btf.h"

#include <bpf/btf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* typedef void (*btf_trace_block_rq_issue)(void *, …), a pointer to a struct for each of the names. */
static struct btf *kernel_with(const char *const *arguments, size_t n)
{
	struct btf *btf = btf__new_empty();
	int pointers[4], function;

	assert_non_null(btf);
	for (size_t i = 0; i < n; i++)
		pointers[i] = btf__add_ptr(btf, btf__add_struct(btf, arguments[i], 8));
	pointers[n] = btf__add_ptr(btf, 0);
	function = btf__add_func_proto(btf, 0);
	assert_int_equal(btf__add_func_param(btf, "__data", pointers[n]), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(btf__add_func_param(btf, "", pointers[i]), 0);
	assert_true(btf__add_typedef(btf, "btf_trace_block_rq_issue", btf__add_ptr(btf, function)) >
		    0);
	return btf;
}

static int queue_first(const char *const *arguments, size_t n)
{
	struct btf *btf = kernel_with(arguments, n);
	int r = block_btf_queue_first(btf);

	btf__free(btf);
	return r;
}

static void since_5_11_the_request_is_the_first_argument(void **state)
{
	(void)state;
	assert_int_equal(queue_first((const char *[]){ "request" }, 1), 0);
}

static void before_5_11_the_queue_is_the_first_argument(void **state)
{
	(void)state;
	assert_int_equal(queue_first((const char *[]){ "request_queue", "request" }, 2), 1);
}

static void another_shape_is_refused(void **state)
{
	struct btf *btf = btf__new_empty();

	(void)state;
	assert_int_equal(queue_first((const char *[]){ "bio" }, 1), -EOPNOTSUPP);
	assert_int_equal(queue_first((const char *[]){ "request", "request_queue" }, 2),
			 -EOPNOTSUPP);
	assert_int_equal(queue_first((const char *[]){ "a", "b", "request" }, 3), -EOPNOTSUPP);
	assert_int_equal(queue_first(NULL, 0), -EOPNOTSUPP);
	assert_int_equal(block_btf_queue_first(btf), -EOPNOTSUPP);
	btf__free(btf);
}

static void a_function_is_found_by_its_name_alone(void **state)
{
	struct btf *btf = btf__new_empty();
	int function = btf__add_func_proto(btf, 0);

	(void)state;
	assert_true(btf__add_func(btf, "blk_update_request", BTF_FUNC_STATIC, function) > 0);
	assert_true(btf__add_struct(btf, "blk_start_request", 8) > 0);
	assert_true(block_btf_has_function(btf, "blk_update_request"));
	assert_false(block_btf_has_function(btf, "blk_start_request"));
	btf__free(btf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(since_5_11_the_request_is_the_first_argument),
		cmocka_unit_test(before_5_11_the_queue_is_the_first_argument),
		cmocka_unit_test(another_shape_is_refused),
		cmocka_unit_test(a_function_is_found_by_its_name_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
