# SPDX-License-Identifier: Apache-2.0
# lwip_sources: what of lwIP the runtime is made of; empty without scripts/fetch-lwip. (lwIP's own list makes targets.)
# serving_sources: what of ours is on it: network, HTTP, what a function sees of them.
set(LWIP_DIR ${PROJECT_SOURCE_DIR}/build/lwip)
set(lwip_sources "")
if(EXISTS ${LWIP_DIR}/src/core/init.c)
	foreach(name def dns inet_chksum init ip mem memp netif pbuf raw stats sys tcp tcp_in tcp_out timeouts udp
		ipv4/autoip ipv4/dhcp ipv4/etharp ipv4/icmp ipv4/igmp ipv4/ip4 ipv4/ip4_addr ipv4/ip4_frag)
		list(APPEND lwip_sources ${LWIP_DIR}/src/core/${name}.c)
	endforeach()
	list(APPEND lwip_sources ${LWIP_DIR}/src/netif/ethernet.c)
endif()
set(serving_sources "")
foreach(name net/net net/frames net/address net/guard net/isn
	http/server http/input http/output http/parse http/fn files/cpio files/files)
	list(APPEND serving_sources ${PROJECT_SOURCE_DIR}/examples/guest/${name}.c)
endforeach()
