# SPDX-License-Identifier: Apache-2.0
# lwip_sources: what of lwIP the runtime is made of; empty without scripts/fetch-lwip. (lwIP's own list makes targets.)
# serving_sources: what of ours is on it: network, HTTP, what a function sees of them.
# asking_sources: how a function asks others, which only those that do are linked with.
set(LWIP_DIR ${PROJECT_SOURCE_DIR}/build/lwip)
set(lwip_sources "")
if(EXISTS ${LWIP_DIR}/src/core/init.c)
	foreach(name def dns inet_chksum init ip mem memp netif pbuf raw stats sys tcp tcp_in tcp_out timeouts udp
		ipv4/autoip ipv4/dhcp ipv4/etharp ipv4/icmp ipv4/igmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag)
		list(APPEND lwip_sources ${LWIP_DIR}/src/core/${name}.c)
	endforeach()
	list(APPEND lwip_sources ${LWIP_DIR}/src/netif/ethernet.c)
endif()
foreach(name dns ipv4/dhcp)
	set_source_files_properties(${LWIP_DIR}/src/core/${name}.c PROPERTIES COMPILE_DEFINITIONS LWIP_DNS=1)
endforeach()
set(serving_sources "")
foreach(name net/net net/frames net/address net/guard net/isn
	http/server http/waiting http/input http/output http/parse http/chunks http/text http/fn files/cpio files/files)
	list(APPEND serving_sources ${PROJECT_SOURCE_DIR}/examples/guest/${name}.c)
endforeach()
set(asking_sources "")
foreach(name task lookup connect transfer url call answer)
	list(APPEND asking_sources ${PROJECT_SOURCE_DIR}/examples/guest/out/${name}.c)
endforeach()
