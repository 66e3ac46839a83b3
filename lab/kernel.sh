# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Kernels and KVM modules from files, for lab.sh (sourced, not run): finds the parts, and names what is
# missing or does not fit before anything boots. All that is read here is somebody else's file.
#
# lab.sh sets $here, $files (a scratch directory) and what the command line says of the kernel: $modules,
# $linux, $kvm_file, $kvm_intel_file, $kvm_params.
# shellcheck disable=SC2154 # those
#
# A directory of parts is what build-l0.sh makes an L0 of:
#     vmlinuz         the bzImage
#     release         as `uname -r` will say
#     modules/*.ko    what L0 loads, unpacked; modules/order has their names in the order of loading
#     parameters      those of a built-in KVM, MODULE.NAME a line; empty if KVM is a module
#     cmdline         what the kernel's command line has besides the lab's own

# What L0 loads unless it is built in: module, its option, a line that vmlinux has with it built in.
DRIVERS=(
    'kvm-intel KVM_INTEL kvm_intel.nested'
    'ata_piix ATA_PIIX ata_piix.prefer_ms_hyperv'
    'sd_mod BLK_DEV_SD Attached SCSI %sdisk'
)

number() { # FILE OFFSET BYTES: little-endian; 0 where the file is too short
    local value
    value=$(od -An -v -j "$2" -N "$3" -t "u$3" --endian=little -- "$1" 2> /dev/null | tr -d ' \n') || :
    echo "${value:-0}"
}

bytes() { # FILE OFFSET COUNT: in hex
    od -An -v -j "$2" -N "$3" -t x1 -- "$1" 2> /dev/null | tr -d ' \n' || :
}

is_file() { # OPTION FILE
    [ -e "$2" ] || die "$1 $2: no such file."
    [ -f "$2" ] || die "$1 $2 is not a file."
    [ -r "$2" ] || die "$1 $2 cannot be read."
}

is_dir() { # OPTION DIR
    [ -e "$2" ] || die "$1 $2: no such directory."
    [ -d "$2" ] || die "$1 $2 is not a directory."
}

# ---- the kernel ------------------------------------------------------------------------------

is_deb() { [ "$(bytes "$1" 0 8)" = 213c617263683e0a ] && [ "$(bytes "$1" 8 6)" = 64656269616e ]; }

# By the header of Documentation/arch/x86/boot.rst. Sets $release.
read_bzimage() { # OPTION FILE
    local at
    is_file "$1" "$2"
    if [ "$(bytes "$2" 510 2)" != 55aa ] || [ "$(bytes "$2" 514 4)" != 48647253 ] ||
        [ $(($(number "$2" 529 1) & 1)) = 0 ]; then
        at='In a build tree it is arch/x86/boot/bzImage, in /boot vmlinuz-*.'
        [ "$(bytes "$2" 0 4)" != 7f454c46 ] || at="It is an ELF file, as vmlinux is. $at"
        die "$1 $2 is no bzImage (and no .deb). $at"
    fi
    if [ "$(number "$2" 518 2)" -lt $((0x20c)) ] || [ $(($(number "$2" 566 2) & 1)) = 0 ]; then
        die "$1 $2 is a bzImage for 32 bits. The lab runs 64-bit kernels: CONFIG_64BIT=y."
    fi
    at=$(($(payload_at "$2") + $(number "$2" 588 4)))
    [ "$(stat -L -c %s -- "$2")" -ge "$at" ] ||
        die "$1 $2 is damaged: it is shorter than its header says ($at bytes at least)."
    at=$(number "$2" 526 2)
    read -r release _ < <(tail -c +$((at + 512 + 1)) -- "$2" | head -c 256 | tr '\0' '\n') || :
    [[ $release =~ ^[0-9]+\.[0-9][[:alnum:]._+~-]*$ ]] ||
        die "$1 $2 is a bzImage that does not say its version."
}

payload_at() { # BZIMAGE: where the packed kernel begins
    local sectors
    sectors=$(number "$1" 497 1)
    [ "$sectors" != 0 ] || sectors=4
    echo $(((sectors + 1) * 512 + $(number "$1" 584 4)))
}

# The kernel within a bzImage, into $files/vmlinux. What follows the packed data makes the tools
# complain. False, with $unpacker set: there is no such tool.
unpack_vmlinux() { # BZIMAGE
    local at how
    [ ! -s "$files/vmlinux" ] || return 0
    at=$(payload_at "$1")
    case $(bytes "$1" "$at" 4) in
        1f8b*) how='gzip -dcq' ;;
        fd377a58) how='xz -dcq --single-stream' ;;
        28b52ffd) how='zstd -dcq' ;;
        02214c18) how='lz4 -dcq' ;;
        894c5a4f) how='lzop -dcq' ;;
        425a68*) how='bzip2 -dcq' ;;
        5d0000*) how='xz -dcq --format=lzma' ;;
        *) how='cat' ;;
    esac
    unpacker=${how%% *}
    command -v "$unpacker" > /dev/null || return 1
    # shellcheck disable=SC2086 # words
    tail -c +$((at + 1)) -- "$1" | head -c "$(number "$1" 588 4)" | $how > "$files/vmlinux" 2> /dev/null || :
    [ "$(bytes "$files/vmlinux" 0 4)" = 7f454c46 ] ||
        die "The kernel inside $1 cannot be unpacked (by $unpacker): the file is damaged."
}

# Sets $config to the kernel's configuration, if it is anywhere to be found.
find_config() { # BZIMAGE
    local file at
    for file in ${linux:+"$linux/.config"} ${modules:+"$modules/config"} \
        "$(dirname -- "$1")/config-$release"; do
        if [ -f "$file" ] && [ -r "$file" ]; then
            config=$file
            return
        fi
    done
    config=
    # CONFIG_IKCONFIG: it is in the kernel itself.
    unpack_vmlinux "$1" || return 0
    at=$(grep -abo -m 1 IKCFG_ST "$files/vmlinux" | head -n 1 | cut -d : -f 1 || :)
    [ -n "$at" ] || return 0
    tail -c +$((at + 9)) "$files/vmlinux" | gzip -dcq > "$files/config" 2> /dev/null || :
    [ ! -s "$files/config" ] || config=$files/config
}

check_config() { # BZIMAGE
    local missing
    [ -n "$config" ] || return 0
    mapfile -t missing < <(awk -F = '
        FNR == NR { if (/^CONFIG_/) has[$1] = $2; next }
        /^## / { part = $0 }
        /^CONFIG_/ && part ~ /^## built in/ {
            value = has[$1] == "" ? "n" : has[$1]
            if (value == $2 || value == "m" && part ~ /module/) next
            print "    " $0 (part ~ /module/ ? " or m" : "")
        }' "$config" "$here/kernel.config")
    [ ${#missing[@]} = 0 ] || die "The kernel $1 lacks what L0 needs. Its configuration must have" \
        "${missing[@]}" "lab/kernel.config has all that it needs."
}

# ---- modules ---------------------------------------------------------------------------------

# PATH in the build tree, as it is with the patches.
in_tree() { # PATH
    if [ -n "$patched" ] && [ -f "$patched/$1" ]; then
        printf '%s\n' "$patched/$1"
    else
        printf '%s\n' "$linux/$1"
    fi
}

# The file of module NAME in $modules, or nothing. A build tree has too many files to search them all.
find_module() { # NAME
    local name=${1//[-_]/[-_]} path
    if [ -n "$linux" ]; then
        path=$(sed -E 's,^kernel/,,; s,\.k?o$,.ko,' "$linux/modules.order" 2> /dev/null |
            grep -m 1 "/$name\.ko\$" || :)
        [ -z "$path" ] || in_tree "$path"
    elif [ -n "$modules" ]; then
        find "$modules/" \( -name "$name.ko" -o -name "$name.ko.[xgz]*" \) -print -quit
    fi
}

unpack_module() { # FILE OUT
    case $1 in
        *.xz) xz -dcq -- "$1" > "$2" ;;
        *.zst) zstd -dcq -- "$1" > "$2" ;;
        *.gz) gzip -dcq -- "$1" > "$2" ;;
        *) cat -- "$1" > "$2" ;;
    esac || die "$1 cannot be unpacked."
}

modinfo() { # MODULE KEY
    readelf -W -p .modinfo "$1" 2> /dev/null | sed -nE "s/^ *\[ *[0-9a-f]+\]  $2=//p"
}

build_id() { # MODULE
    readelf -n "$1" 2> /dev/null | sed -n 's/^ *Build ID: //p' | head -n 1
}

# Is FILE, unpacked as MODULE, the x86-64 module NAME? Without debug information and without its
# signature it loads faster: to check that takes the emulated CPU longer than all the rest.
check_module() { # FILE MODULE NAME
    local name
    [ "$(bytes "$2" 0 4)" = 7f454c46 ] || die "$1 is no kernel module."
    [ "$(bytes "$2" 4 2) $(bytes "$2" 18 2)" = '0201 3e00' ] ||
        die "$1 is for another architecture:$(readelf -h "$2" 2> /dev/null | sed -n 's/^ *Machine: */ /p')." \
            'The lab is an x86-64.'
    [ "$(number "$2" 16 2)" = 1 ] || die "$1 is no kernel module."
    name=$(modinfo "$2" name)
    [ "${name//-/_}" = "$3" ] || die "$1 is the module '$name', not $3."
    "${cross}strip" --strip-debug "$2" || die "$1 is a damaged module."
}

is_builtin() { # BZIMAGE DRIVER OPTION LINE
    if [ -n "$config" ]; then
        grep -q "^CONFIG_$3=y" "$config"
    elif [ -f "$modules/modules.builtin" ]; then
        grep -q "/${2//[-_]/[-_]}\.ko\$" "$modules/modules.builtin"
    else
        unpack_vmlinux "$1" || die "$1 has no configuration to be found, and to look into it takes" \
            "the program $unpacker, which is missing."
        tr '\0' '\n' < "$files/vmlinux" | grep -aF -- "$4" > /dev/null
    fi
}

# Which modules L0 has, and those that they depend on before them.
add_module() { # PARTS NAME [WANTED-BY]
    local name=${2//-/_} path ko=$1/modules/${2//-/_}.ko dependency magic
    [ ! -e "$ko" ] || return 0
    path=$(find_module "$2")
    if [ ! -f "$path" ]; then
        [ -n "$path" ] || path="a file of it in ${linux:-$modules}"
        die "The module $2${3:+, which $3 needs,} is missing: there is no $path."
    fi
    unpack_module "$path" "$ko"
    check_module "$path" "$ko" "$name"
    magic=$(modinfo "$ko" vermagic)
    [ "${magic%% *}" = "$release" ] || die "$path and the kernel differ in their versions:" \
        "    module: $magic" "    kernel: $release"
    for dependency in $(modinfo "$ko" depends | tr ',' ' '); do
        add_module "$1" "$dependency" "$name"
    done
    echo "$name" >> "$1/modules/order"
}

# Fills PARTS with a kernel and its modules, of $modules or the build tree $linux.
collect() { # OPTION BZIMAGE PARTS
    local driver name option line hint
    read_bzimage "$1" "$2"
    [ -z "$modules" ] || choose_modules
    find_config "$2"
    check_config "$2"
    mkdir -p "$3/modules"
    : > "$3/modules/order"
    : > "$3/parameters"
    : > "$3/cmdline"
    printf '%s\n' "$release" > "$3/release"
    for driver in "${DRIVERS[@]}"; do
        read -r name option line <<< "$driver"
        if [ -n "$(find_module "$name")" ]; then
            add_module "$3" "$name"
        elif ! is_builtin "$2" "$name" "$option" "$line"; then
            hint='--modules DIR tells where its modules are.'
            [ ! -d "/lib/modules/$release" ] || hint="Its modules may be had by --modules /lib/modules/$release."
            [ -z "$modules" ] || hint="There is no module $name in $modules."
            [ -z "$linux" ] || hint="Its modules are built by \`make modules\`."
            die "The kernel $2 ($release) has no $name built in. $hint" \
                "CONFIG_$option=y builds it in, CONFIG_$option=m as a module."
        fi
    done
    if [ ! -e "$3/modules/kvm.ko" ] && unpack_vmlinux "$2"; then
        tr '\0' '\n' < "$files/vmlinux" | grep -axE 'kvm(_intel)?\.[a-z0-9_]+' | sort -u \
            > "$3/parameters" || :
    fi
    [ ! -e "$3/modules/kvm_intel.ko" ] || check_nested "$3/modules/kvm_intel.ko"
    cp -- "$2" "$3/vmlinuz"
}

# $modules may be what holds lib/modules/RELEASE, or that itself.
choose_modules() {
    local dir
    for dir in "$modules/lib/modules/$release" "$modules/usr/lib/modules/$release" "$modules/$release"; do
        [ ! -d "$dir" ] || { modules=$dir; return; }
    done
}

collect_tree() { # PARTS
    is_dir --linux "$linux"
    [ -f "$linux/arch/x86/boot/bzImage" ] ||
        die "--linux $linux has no arch/x86/boot/bzImage: is it an x86 build tree of Linux, and built?"
    collect --linux "$(in_tree arch/x86/boot/bzImage)" "$1"
}

# What there is of a kernel's packages in DIR, as $kernels; not its headers, tools and debug symbols.
choose_debs() { # DIR
    local file
    kernels=()
    for file in "$1"/linux-*.deb; do
        case ${file##*/} in
            *-dbg_* | *-dbgsym_*) ;;
            linux-image-* | linux-binary-* | linux-modules-*) kernels+=("$file") ;;
        esac
    done
    [ ${#kernels[@]} -gt 0 ] ||
        die "--kernel $1: there is no package of a kernel in this directory, linux-image-*.deb."
}

# A kernel can be in more than one package: since Linux 7 an image of Debian's is an empty package
# that depends on two others.
collect_debs() { # PARTS DEB...
    local parts=$1 deb bzimages
    shift
    modules=$files/debs
    mkdir -p "$modules"
    for deb in "$@"; do
        dpkg-deb --fsys-tarfile "$deb" 2> /dev/null |
            tar -C "$modules" -x --no-same-owner --exclude=./usr/share 2> /dev/null || die "$deb is a damaged package."
    done
    mapfile -t bzimages < <(find "$modules" -name 'vmlinuz*' -type f | sort)
    [ ${#bzimages[@]} -gt 0 ] || die "There is no kernel in $*." "$(other_packages "$@")"
    [ ${#bzimages[@]} = 1 ] || die "There is more than one kernel in $*: ${bzimages[*]##*/}." \
        "--kernel FILE, for each package of one of them, chooses."
    [ -n "$(find "$modules" -name '*.ko*' -type f -print -quit)" ] ||
        die "There are no modules in $*." "$(other_packages "$@")"
    collect --kernel "${bzimages[0]}" "$parts"
}

other_packages() { # DEB...
    local deb others
    others=$(for deb in "$@"; do
        dpkg-deb -f "$deb" Depends | tr ',' '\n' | sed -nE 's/^ *(linux-(binary|image|modules)-[^ ]*).*/\1/p'
    done | sort -u | paste -sd ' ')
    [ -z "$others" ] || echo "What they depend on may have it, by --kernel for each: $others"
}

# ---- KVM's modules and parameters of a run -----------------------------------------------------

check_nested() { # MODULE
    modinfo "$1" parmtype | grep '^nested:' > /dev/null ||
        die "This kvm_intel has no parameter 'nested': it cannot run a hypervisor as its guest."
}

# Those that modinfo would list, and those without a type.
parameter_names() { # MODULE
    { modinfo "$1" parmtype | cut -d : -f 1; grep -ao '__param_str_[a-z0-9_]*' "$1" | cut -c 13-; } |
        sort -u
}

check_value() { # TYPE NAME VALUE
    case $1 in
        bool) [[ $3 =~ ^([01yYnN]|on|off)$ ]] || die "--kvm-param $2=$3: $2 is a bool: 0 or 1." ;;
        int | uint | long | ulong | short | ushort | byte)
            [[ $3 =~ ^-?(0x[0-9a-fA-F]+|[0-9]+)$ ]] || die "--kvm-param $2=$3: $2 is a number ($1)."
            ;;
    esac
    if [ "$2" = nested ] && [[ $3 =~ ^([0nN]|off)$ ]]; then
        die "--kvm-param $2=$3: without nested there is nothing to test."
    fi
}

# What a run loads instead of the kernel's own: fills DIR with NAME.ko and `load`, whose lines are
# NAME BUILD_ID [PARAMETER=VALUE...] in the order of loading. What is built in gets its parameters by
# PARTS/cmdline.
prepare_kvm() { # PARTS DIR
    local parts=$1 dir=$2 parameter module name value file ko own magic dependency known
    local -A given=([kvm]=$kvm_file [kvm_intel]=$kvm_intel_file) words=()
    for module in kvm kvm_intel; do
        file=${given[$module]}
        [ -n "$file" ] || continue
        is_file "--${module//_/-}" "$file"
        ko=$dir/$module.ko
        own=$parts/modules/$module.ko
        [ -e "$own" ] || die "$file cannot be loaded: $module is built into this kernel." \
            'CONFIG_KVM=m and CONFIG_KVM_INTEL=m make modules of KVM.'
        unpack_module "$file" "$ko"
        check_module "$file" "$ko" "$module"
        magic=$(modinfo "$ko" vermagic)
        [ "$magic" = "$(modinfo "$own" vermagic)" ] || die "$file is not for this kernel, their vermagics differ:" \
            "    module: $magic" "    kernel: $(modinfo "$own" vermagic)"
        [ -n "$(build_id "$ko")" ] ||
            die "$file has no build id (ld --build-id=sha1): it could not be proved that it ran."
        for dependency in $(modinfo "$ko" depends | tr ',' ' '); do
            grep -qx "${dependency//-/_}" "$parts/modules/order" ||
                die "$file needs the module $dependency, which L0 does not have."
        done
        [ "$module" != kvm_intel ] || check_nested "$ko"
    done
    for parameter in ${kvm_params[@]+"${kvm_params[@]}"}; do
        [[ $parameter =~ ^((kvm|kvm_intel)\.)?([a-z0-9_]+)=([[:alnum:]_.:,+-]+)$ ]] ||
            die "--kvm-param $parameter: it should be NAME=VALUE, or kvm.NAME=VALUE for the module kvm."
        module=${BASH_REMATCH[2]:-kvm_intel} name=${BASH_REMATCH[3]} value=${BASH_REMATCH[4]}
        if [ ! -e "$parts/modules/$module.ko" ]; then
            if [ -s "$parts/parameters" ] && ! grep -qx "$module\.$name" "$parts/parameters"; then
                known=$(sed -n "s/^$module\.//p" "$parts/parameters" | paste -sd ' ')
                die "$module has no parameter '$name'. It has: $known"
            fi
            check_value '' "$name" "$value"
            echo "$module.$name=$value" >> "$parts/cmdline"
            continue
        fi
        ko=$dir/$module.ko
        [ -e "$ko" ] || ko=$parts/modules/$module.ko
        parameter_names "$ko" | grep -x -- "$name" > /dev/null ||
            die "$module has no parameter '$name'. It has: $(parameter_names "$ko" | paste -sd ' ')"
        check_value "$(modinfo "$ko" parmtype | sed -n "s/^$name://p")" "$name" "$value"
        words[$module]+=" $name=$value"
    done
    [ -n "$kvm_file$kvm_intel_file" ] || [ ${#words[@]} -gt 0 ] || return 0
    [[ $(modinfo "$parts/modules/kvm_intel.ko" vermagic) == *' mod_unload '* ]] ||
        die "This kernel cannot unload its KVM. CONFIG_MODULE_UNLOAD=y mends it."
    for module in kvm kvm_intel; do
        [ "$module" = kvm_intel ] || [ -n "$kvm_file${words[kvm]:-}" ] || continue
        ko=$dir/$module.ko
        [ -e "$ko" ] || ko=$parts/modules/$module.ko
        echo "$module $(build_id "$ko")${words[$module]:-}"
    done > "$dir/load"
}
