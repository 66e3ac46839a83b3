#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# build.sh KERNEL OUT_DIR: makes OUT_DIR/broken_kvm.ko for the lab's kernel of that version (6.1,
# 6.12, ...). Exit status 4: its headers are not to be had.
# Done by hand and not by Kbuild, whose tools are built for the C library of that kernel's Debian.
set -euo pipefail
export LC_ALL=C

here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=lab/cross.sh
. "$here/../../lab/cross.sh"
kernel=$1 out=$2 name=broken_kvm
headers=$("$here/../../lab/lab.sh" headers --kernel "$kernel") || exit 4
own=$(echo "$headers"/linux-headers-*-cloud-amd64)
common=$(echo "$headers"/linux-headers-*-common)
mkdir -p "$out"

includes=()
for dir in arch/x86/include include arch/x86/include/uapi include/uapi; do
	includes+=(-isystem "$common/$dir"
		-isystem "$own/${dir/x86\/include/x86\/include\/generated}")
done
includes+=(-isystem "$own/include/generated/uapi")
for file in compiler-version kconfig compiler_types; do
	includes+=(-include "$common/include/linux/$file.h")
done

# What the kernel's makefiles say where it matters for what one module shares with the kernel.
# CC_USING_FENTRY without -pg: nobody traces this module.
compile() { # FILE.c FILE.o
	"${cross}gcc" -nostdinc "${includes[@]}" -D__KERNEL__ -DMODULE -DKBUILD_MODNAME="\"$name\"" \
		-D__KBUILD_MODNAME="kmod_$name" -DKBUILD_BASENAME="\"$name\"" -DCC_USING_FENTRY \
		-std=gnu11 -O2 -Wall -Werror -m64 -mcmodel=kernel \
		-mno-red-zone -mgeneral-regs-only -mpreferred-stack-boundary=3 -fcf-protection=branch \
		-fno-jump-tables -fno-pie -fno-common -fno-strict-aliasing -fshort-wchar \
		-funsigned-char -fms-extensions -fno-delete-null-pointer-checks -fno-stack-protector \
		-fno-asynchronous-unwind-tables -c -o "$2" "$1"
}

versions() { # OBJECT: the kernel's checksums of the symbols that it uses
	nm -u "$1" | awk 'function row(name) { printf "\t{ %s, \"%s\" },\n", crc[name], name }
		NR == FNR { crc[$2] = $1; next }
		FNR == 1 && "module_layout" in crc { row("module_layout") }
		$2 == "__this_module" { next } # ours
		!($2 in crc) { print "the kernel does not export " $2 > "/dev/stderr"; exit 1 }
		{ row($2) }' "$own/Module.symvers" -
}

compile "$here/$name.c" "$out/$name.o"
{
	cat <<-'C'
		#define INCLUDE_VERMAGIC
		#include <linux/module.h>
		#include <linux/vermagic.h>
		MODULE_INFO(vermagic, VERMAGIC_STRING);
		MODULE_INFO(name, KBUILD_MODNAME);
		MODULE_INFO(depends, "");
		#ifdef CONFIG_MITIGATION_RETPOLINE
		MODULE_INFO(retpoline, "Y");
		#endif
		struct module __this_module __section(".gnu.linkonce.this_module") = {
			.name = KBUILD_MODNAME,
			.init = init_module,
			.exit = cleanup_module,
			.arch = MODULE_ARCH_INIT,
		};
		#ifdef CONFIG_MODVERSIONS
		static const struct modversion_info versions[] __used __section("__versions") = {
	C
	versions "$out/$name.o"
	printf '};\n#endif\n'
} >"$out/$name.mod.c"
compile "$out/$name.mod.c" "$out/$name.mod.o"
"${cross}ld" -r -z noexecstack --build-id=sha1 -o "$out/$name.ko" "$out/$name.o" "$out/$name.mod.o"
