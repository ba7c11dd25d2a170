# What container engines and hypervisors issue, with the checks they make first.
iptables -t nat -C PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -N DOCKER
iptables -t filter -N DOCKER
iptables -t filter -N DOCKER-ISOLATION-STAGE-1
iptables -t filter -N DOCKER-ISOLATION-STAGE-2
iptables -t filter -N DOCKER-USER
iptables --wait -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables --wait -t nat -A OUTPUT -m addrtype --dst-type LOCAL ! --dst 127.0.0.0/8 -j DOCKER
iptables --wait -t nat -C POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables --wait -t nat -I POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE
iptables --wait -t nat -I DOCKER -i docker0 -j RETURN
iptables --wait -D FORWARD -i docker0 -o docker0 -j DROP
iptables --wait -t filter -C FORWARD -i docker0 -o docker0 -j ACCEPT
iptables --wait -I FORWARD -i docker0 -o docker0 -j ACCEPT
iptables --wait -I FORWARD -i docker0 ! -o docker0 -j ACCEPT
iptables --wait -I FORWARD -o docker0 -j DOCKER
iptables --wait -I FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
iptables --wait -t filter -I DOCKER-ISOLATION-STAGE-1 -i docker0 ! -o docker0 -j DOCKER-ISOLATION-STAGE-2
iptables --wait -t filter -I DOCKER-ISOLATION-STAGE-2 -o docker0 -j DROP
iptables --wait -A DOCKER-ISOLATION-STAGE-1 -j RETURN
iptables --wait -A DOCKER-ISOLATION-STAGE-2 -j RETURN
iptables --wait -A DOCKER-USER -j RETURN
iptables --wait -I FORWARD -j DOCKER-ISOLATION-STAGE-1
iptables --wait -I FORWARD -j DOCKER-USER
iptables --wait -t nat -A DOCKER -p tcp -d 0/0 --dport 8080 -j DNAT --to-destination 172.17.0.2:80 ! -i docker0
iptables --wait -t filter -A DOCKER ! -i docker0 -o docker0 -p tcp -d 172.17.0.2 --dport 80 -j ACCEPT
iptables --wait -t nat -A POSTROUTING -p tcp -s 172.17.0.2 -d 172.17.0.2 --dport 80 -j MASQUERADE
iptables --wait -t nat -S
iptables --wait -t filter -n -L DOCKER-USER
iptables -t raw -A PREROUTING -p tcp -d 172.17.0.2 ! -i docker0 -j DROP
iptables -t raw -A PREROUTING -p tcp --dport 8080 ! -i lo -d 127.0.0.1/32 -j DROP
iptables --version
iptables -t mangle -A OUTPUT -d 10.0.0.5 -p udp --dport 4789 -m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=0x100100" -j MARK --set-mark 13681891
iptables -I INPUT -p udp --dport 4789 -m policy --dir in --pol none -m u32 --u32 "0>>22&0x3C@12&0xFFFFFF00=0x100100" -j DROP
iptables -t nat -A POSTROUTING -m policy --pol ipsec --dir out -j ACCEPT
# Swarm's load balancing.
iptables -t nat -N DOCKER-INGRESS
iptables -t nat -A DOCKER-INGRESS -p tcp -m tcp --dport 30000 -j DNAT --to-destination 172.18.0.2:30000
iptables -N DOCKER-INGRESS
iptables -A DOCKER-INGRESS -p tcp -m state --state RELATED,ESTABLISHED -m tcp --sport 30000 -j ACCEPT
# libvirt
iptables -w --table filter --list-rules
iptables -w -t filter -N LIBVIRT_INP
iptables -w -t filter -N LIBVIRT_OUT
iptables -w -t filter -N LIBVIRT_FWO
iptables -w -t filter -N LIBVIRT_FWI
iptables -w -t filter -N LIBVIRT_FWX
iptables -w --table filter --insert INPUT --jump LIBVIRT_INP
iptables -w --table filter --insert OUTPUT --jump LIBVIRT_OUT
iptables -w --table filter --insert FORWARD --jump LIBVIRT_FWO
iptables -w --table filter --insert LIBVIRT_INP --in-interface virbr0 --protocol tcp --destination-port 67 --jump ACCEPT
iptables -w --table filter --insert LIBVIRT_INP --in-interface virbr0 --protocol udp --destination-port 53 --jump ACCEPT
iptables -w --table filter --insert LIBVIRT_OUT --out-interface virbr0 --protocol udp --destination-port 68 --jump ACCEPT
iptables -w --table filter --insert LIBVIRT_FWO --in-interface virbr0 --jump REJECT
iptables -w --table filter --insert LIBVIRT_FWI --out-interface virbr0 --jump REJECT
iptables -w --table filter --insert LIBVIRT_FWX --in-interface virbr0 --out-interface virbr0 --jump ACCEPT
iptables -w --table filter --insert LIBVIRT_FWO --source 192.168.122.0/24 --in-interface virbr0 --jump ACCEPT
iptables -w --table filter --insert LIBVIRT_FWI --destination 192.168.122.0/24 --out-interface virbr0 --match conntrack --ctstate ESTABLISHED,RELATED --jump ACCEPT
iptables -w -t nat -N LIBVIRT_PRT
iptables -w --table nat --insert POSTROUTING --jump LIBVIRT_PRT
iptables -w --table nat --insert LIBVIRT_PRT --source 192.168.122.0/24 ! --destination 192.168.122.0/24 --jump MASQUERADE
iptables -w --table nat --insert LIBVIRT_PRT --source 192.168.122.0/24 -p udp ! --destination 192.168.122.0/24 --jump MASQUERADE --to-ports 1024-65535
iptables -w --table nat --insert LIBVIRT_PRT --source 192.168.122.0/24 -p tcp ! --destination 192.168.122.0/24 --jump MASQUERADE --to-ports 1024-65535
iptables -w --table nat --insert LIBVIRT_PRT --source 192.168.122.0/24 --destination 255.255.255.255/32 --jump RETURN
iptables -w --table nat --insert LIBVIRT_PRT --source 192.168.122.0/24 --destination 224.0.0.0/24 --jump RETURN
iptables -w -t mangle -N LIBVIRT_PRT
iptables -w --table mangle --insert POSTROUTING --jump LIBVIRT_PRT
iptables -w --table mangle --insert LIBVIRT_PRT --out-interface virbr0 --protocol udp --destination-port 68 --jump CHECKSUM --checksum-fill
iptables -w --table filter --delete LIBVIRT_INP --in-interface virbr0 --protocol udp --destination-port 69 --jump ACCEPT
iptables -w --table filter --delete LIBVIRT_FWO --in-interface virbr0 --jump REJECT
# kube-proxy and its kin
iptables -w 5 -W 100000 -N KUBE-MARK-MASQ -t nat
iptables -w 5 -N KUBE-FIREWALL -t filter
iptables -w 5 -C INPUT -t filter -j KUBE-FIREWALL
iptables -w 5 -I INPUT -t filter -j KUBE-FIREWALL
iptables -w 5 -A KUBE-FIREWALL -t filter -m comment --comment "block incoming localnet connections" --dst 127.0.0.0/8 ! --src 127.0.0.0/8 -m conntrack ! --ctstate RELATED,ESTABLISHED,DNAT -j DROP
iptables-restore -w 5 -W 100000 --noflush --counters <<EOF
*filter
:KUBE-SERVICES - [0:0]
:KUBE-EXTERNAL-SERVICES - [0:0]
:KUBE-FORWARD - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-PROXY-FIREWALL - [0:0]
-A KUBE-FORWARD -m conntrack --ctstate INVALID -j DROP
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding rules" -m mark --mark 0x00004000/0x00004000 -j ACCEPT
-A KUBE-FORWARD -m comment --comment "kubernetes forwarding conntrack rule" -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
-A KUBE-SERVICES -m comment --comment "ns2/svc2:p80 has no endpoints" -m tcp -p tcp -d 172.30.0.42/32 --dport 80 -j REJECT
-A KUBE-NODEPORTS -m comment --comment "ns2/svc2:p80 health check node port" -m tcp -p tcp --dport 30000 -j ACCEPT
COMMIT
*nat
:KUBE-SERVICES - [0:0]
:KUBE-NODEPORTS - [0:0]
:KUBE-POSTROUTING - [0:0]
:KUBE-MARK-MASQ - [0:0]
:KUBE-SVC-XPGD46QRK7WJZT7O - [0:0]
:KUBE-SEP-SXIVWICOYRO3J4NJ - [0:0]
:KUBE-SEP-ZX7GRIZKSNUQ3LAJ - [0:0]
:KUBE-EXT-X27LE4BHSL4DOUIK - [0:0]
-A KUBE-POSTROUTING -m mark ! --mark 0x00004000/0x00004000 -j RETURN
-A KUBE-POSTROUTING -j MARK --xor-mark 0x00004000
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
-A KUBE-MARK-MASQ -j MARK --or-mark 0x00004000
-A KUBE-SERVICES -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 -j KUBE-SVC-XPGD46QRK7WJZT7O
-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 cluster IP" -m tcp -p tcp -d 172.30.0.41 --dport 80 ! -s 10.0.0.0/8 -j KUBE-MARK-MASQ
-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment "ns1/svc1:p80 -> 10.180.0.1:80" -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --rcheck --seconds 10800 --reap -j KUBE-SEP-SXIVWICOYRO3J4NJ
-A KUBE-SVC-XPGD46QRK7WJZT7O -m comment --comment ns1/svc1:p80 -m statistic --mode random --probability 0.5000000000 -j KUBE-SEP-SXIVWICOYRO3J4NJ
-A KUBE-SVC-XPGD46QRK7WJZT7O -m statistic --mode random --probability 0.3333333333 -j KUBE-SEP-ZX7GRIZKSNUQ3LAJ
-A KUBE-SVC-XPGD46QRK7WJZT7O -m statistic --mode random --probability 0.1 -j KUBE-SEP-ZX7GRIZKSNUQ3LAJ
-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -s 10.180.0.1 -j KUBE-MARK-MASQ
-A KUBE-SEP-SXIVWICOYRO3J4NJ -m comment --comment ns1/svc1:p80 -m recent --name KUBE-SEP-SXIVWICOYRO3J4NJ --set -m tcp -p tcp -j DNAT --to-destination 10.180.0.1:80
-A KUBE-SERVICES -m comment --comment "kubernetes service nodeports; NOTE: this must be the last rule in this chain" -m addrtype --dst-type LOCAL -j KUBE-NODEPORTS
-A KUBE-EXT-X27LE4BHSL4DOUIK -m comment --comment "route LOCAL traffic" -m addrtype --src-type LOCAL -j KUBE-MARK-MASQ
COMMIT
EOF
iptables-restore --noflush <<EOF
*nat
:CNI-1 - [0:0]
:CNI-HOSTPORT-DNAT - [0:0]
-A CNI-1 -d 10.85.0.0/16 -j ACCEPT -m comment --comment "name: \"crio\" id: \"4ab\""
-A CNI-1 ! -d 224.0.0.0/4 -j MASQUERADE -m comment --comment "name: 'crio' id: 4ab"
-A CNI-HOSTPORT-DNAT -p tcp -m comment --comment "dnat name: \"cbr0\"" -m multiport --destination-ports 8080,8443 -j CNI-1
-A POSTROUTING -s 10.85.0.3 -j CNI-1 -m comment --comment x
COMMIT
EOF
# a mesh's sidecar
iptables -t nat -N ISTIO_INBOUND
iptables -t nat -N ISTIO_REDIRECT
iptables -t nat -N ISTIO_IN_REDIRECT
iptables -t nat -N ISTIO_OUTPUT
iptables -t nat -A ISTIO_INBOUND -p tcp --dport 15008 -j RETURN
iptables -t nat -A ISTIO_REDIRECT -p tcp -j REDIRECT --to-ports 15001
iptables -t nat -A ISTIO_OUTPUT -o lo ! -d 127.0.0.1/32 -m owner --uid-owner 1337 -j ISTIO_IN_REDIRECT
iptables -t nat -A ISTIO_OUTPUT -o lo -m owner ! --uid-owner 1337 -j RETURN
iptables -t nat -A ISTIO_OUTPUT -m owner --gid-owner 1337 -j RETURN
iptables -t mangle -N ISTIO_TPROXY
iptables -t mangle -A ISTIO_TPROXY ! -d 127.0.0.1/32 -p tcp -j TPROXY --tproxy-mark 0x539/0xffffffff --on-port 15006
iptables -t mangle -A PREROUTING -p tcp -m socket -j MARK --set-mark 1337
iptables -t mangle -A PREROUTING -p tcp -m mark --mark 1337 -j CONNMARK --save-mark
iptables -t mangle -A OUTPUT -p tcp -m connmark --mark 1337 -j CONNMARK --restore-mark
