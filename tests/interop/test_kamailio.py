#!/usr/bin/env python3
"""A stock SIP proxy between the web server and the Communications Server changes nothing: the tests of the two pass through it."""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "process")]
import kamailio
import test_cwa_uplink
import test_cwa_uplink_conference


class SigningOn(test_cwa_uplink.SigningOn):
    proxy = kamailio


class People(test_cwa_uplink.People):
    proxy = kamailio


class Presence(test_cwa_uplink.Presence):
    proxy = kamailio


class Conversations(test_cwa_uplink.Conversations):
    proxy = kamailio


class Conferences(test_cwa_uplink_conference.Conferences):
    proxy = kamailio


if __name__ == "__main__":
    unittest.main()
