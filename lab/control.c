/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * control LETTER: writes LETTER to the emulator's control port (bochs/0005-lab-control-port.patch).
 * The cloud kernel has no /dev/port. Freestanding, so that it needs no C library of the host's.
 */
#define CONTROL_PORT 0x8904
#define SYS_EXIT     60
#define SYS_IOPERM   173

static long call(long number, long a, long b, long c)
{
	long result;

	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c)
			 : "rcx", "r11", "memory");
	return result;
}

__attribute__((noreturn, used)) void control(const long *stack)
{
	const char *const *argv = (const char *const *)(stack + 1);
	int failed = stack[0] != 2 || call(SYS_IOPERM, CONTROL_PORT, 1, 1) != 0;

	if (!failed)
		__asm__ volatile("outb %b0, %w1" ::"a"(argv[1][0]), "d"(CONTROL_PORT));
	for (;;)
		call(SYS_EXIT, failed, 0, 0);
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n\tand $-16, %rsp\n\tcall control\n");
