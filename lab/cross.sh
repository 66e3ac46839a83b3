# shellcheck shell=sh
# SPDX-License-Identifier: BSD-2-Clause
# Sets $cross: what the names of the tools begin with that make programs for the lab, which is an x86-64
# (sourced; by make, too). Nothing if this machine is one.
# shellcheck disable=SC2034 # for those that source this
cross=
[ "$(uname -m)" = x86_64 ] || cross=x86_64-linux-gnu-
